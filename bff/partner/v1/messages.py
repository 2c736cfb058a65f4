"""Protobuf to what v1 shows."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from bff.partner.v1 import schemas
from kit.money import to_minor
from ordermesh.notifications.v1 import webhooks_pb2
from ordermesh.orders.v1 import orders_pb2
from ordermesh.products.v1 import products_pb2


def product(found: products_pb2.Product) -> schemas.Product:
    """A product."""
    return schemas.Product(
        sku=found.sku,
        title=found.title,
        description=found.description,
        category=found.category,
        price=to_minor(found.price),
        currency=found.price.currency_code,
        updated_at=_time(found.update_time),
    )


def order(found: orders_pb2.Order) -> schemas.Order:
    """An order."""
    return schemas.Order(
        id=found.order_id,
        state=_state(found.state),
        version=found.version,
        reason=found.reason or None,
        cancel_requested=found.cancel_requested,
        lines=[
            schemas.Line(
                sku=line.sku, title=line.title, quantity=line.quantity, unit_price=to_minor(line.unit_price)
            )
            for line in found.lines
        ],
        total=to_minor(found.total),
        currency=found.total.currency_code,
        created_at=_time(found.create_time),
        updated_at=_time(found.update_time),
    )


def event(found: orders_pb2.OrderStatus) -> schemas.OrderEvent:
    """One entry of a history."""
    return schemas.OrderEvent(
        version=found.version,
        state=_state(found.state),
        reason=found.reason or None,
        cancel_requested=found.cancel_requested,
        time=_time(found.change_time),
    )


def webhook(found: webhooks_pb2.WebhookEndpoint) -> schemas.Webhook:
    """An endpoint."""
    state = webhooks_pb2.WebhookEndpointState.Name(found.state)
    return schemas.Webhook(
        id=found.endpoint_id,
        url=found.url,
        event_types=list(found.event_types),
        state=state.removeprefix("WEBHOOK_ENDPOINT_STATE_"),
        disable_reason=found.disable_reason or None,
        failure_reason=found.failure_reason or None,
        failing_since=_time(found.failure_time),
        created_at=_time(found.create_time),
        verified_at=_time(found.verify_time),
    )


def secret_webhook(found: webhooks_pb2.WebhookEndpoint, secret: str) -> schemas.SecretWebhook:
    """An endpoint with its secret."""
    return schemas.SecretWebhook(**webhook(found).model_dump(), secret=secret)


def delivery(found: webhooks_pb2.WebhookDelivery) -> schemas.Delivery:
    """One message."""
    state = webhooks_pb2.WebhookDeliveryState.Name(found.state)
    return schemas.Delivery(
        id=found.delivery_id,
        webhook_id=found.endpoint_id,
        event_id=found.event_id,
        event_type=found.event_type,
        order_id=found.order_id,
        version=found.version,
        state=state.removeprefix("WEBHOOK_DELIVERY_STATE_"),
        attempts=found.attempts,
        status_code=found.last_status_code or None,
        failure_reason=found.last_failure_reason or None,
        created_at=_time(found.create_time),
        next_attempt_at=_time(found.next_attempt_time),
        settled_at=_time(found.settle_time),
    )


def _state(state: orders_pb2.OrderState.ValueType) -> str:
    return orders_pb2.OrderState.Name(state).removeprefix("ORDER_STATE_")


def _time(found: Timestamp) -> datetime | None:
    """A field that is not set is the beginning of time."""
    return found.ToDatetime(UTC) if found != Timestamp() else None
