"""Protobuf to what v2 shows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from bff.partner.v2 import schemas
from kit.money import to_minor
from ordermesh.orders.v1 import orders_pb2


def order(found: orders_pb2.Order) -> schemas.Order:
    """An order."""
    return schemas.Order(
        id=found.order_id,
        status=_status(found),
        lines=[
            schemas.Line(
                sku=line.sku, title=line.title, quantity=line.quantity, unit_price=money(line.unit_price)
            )
            for line in found.lines
        ],
        total=money(found.total),
        placed_at=_time(found.create_time),
    )


def money(amount: Money) -> schemas.Money:
    """An amount, with two decimals."""
    return schemas.Money(amount=f"{Decimal(to_minor(amount)).scaleb(-2):.2f}", currency=amount.currency_code)


def _status(found: orders_pb2.Order) -> schemas.Status:
    ends = {orders_pb2.ORDER_STATE_CANCELLED, orders_pb2.ORDER_STATE_DELIVERED}
    if found.flow != orders_pb2.FLOW_FULFIL:
        ends.add(orders_pb2.ORDER_STATE_CONFIRMED)
    return schemas.Status(
        state=orders_pb2.OrderState.Name(found.state).removeprefix("ORDER_STATE_").lower(),
        version=found.version,
        final=found.state in ends,
        reason=found.reason or None,
        cancel_requested=found.cancel_requested,
        since=_time(found.update_time),
    )


def _time(found: Timestamp) -> datetime | None:
    """A field that is not set is the beginning of time."""
    return found.ToDatetime(UTC) if found != Timestamp() else None
