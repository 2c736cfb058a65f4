"""The things of the graph that one service knows, and how each is made of what it tells."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Self

import strawberry
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money as MoneyMessage

from bff.web.enums import OrderState, PaymentState, Role, ShipmentState, of_proto
from bff.web.scalars import Sku, Version
from kit.money import to_minor
from ordermesh.orders.v1 import orders_pb2
from ordermesh.payments.v1 import payments_pb2
from ordermesh.products.v1 import products_pb2
from ordermesh.shipping.v1 import shipping_pb2
from ordermesh.users.v1 import users_pb2


def time_of(message: Timestamp) -> datetime:
    """A moment that is always set."""
    return message.ToDatetime(UTC)


@strawberry.type(description="An amount, in whole cents.")
class Money:
    """What a price, a total or a charge is."""

    amount: Decimal
    currency_code: str

    @classmethod
    def of(cls, message: MoneyMessage) -> Money:
        """As the protos say it."""
        return cls(amount=Decimal(to_minor(message)).scaleb(-2), currency_code=message.currency_code)


@strawberry.type(description="An account.")
class User:
    """A customer or an operator."""

    id: uuid.UUID
    username: str
    email: str
    display_name: str
    role: Role | None
    create_time: datetime

    @classmethod
    def of(cls, message: users_pb2.User) -> Self:
        """As the users service tells it."""
        return cls(
            id=uuid.UUID(message.user_id),
            username=message.username,
            email=message.email,
            display_name=message.display_name,
            role=of_proto(Role, users_pb2.Role, message.role),
            create_time=time_of(message.create_time),
        )


@strawberry.type(description="What can be ordered.")
class Product:
    """An entry of the catalogue."""

    sku: Sku
    title: str
    description: str
    category: str
    price: Money = strawberry.field(description="Of one, today. An order keeps the price of its day.")

    @classmethod
    def of(cls, message: products_pb2.Product) -> Product:
        """As the products service tells it."""
        return cls(
            sku=Sku(message.sku),
            title=message.title,
            description=message.description,
            category=message.category,
            price=Money.of(message.price),
        )


@strawberry.type(description="One entry of an order's history.")
class OrderStatus:
    """A state, and since when."""

    order_id: uuid.UUID
    version: Version
    state: OrderState | None
    reason: str | None = strawberry.field(description="Why it is cancelled, or being cancelled.")
    cancel_requested: bool
    change_time: datetime

    @classmethod
    def of(cls, message: orders_pb2.OrderStatus) -> OrderStatus:
        """As the orders service tells it."""
        return cls(
            order_id=uuid.UUID(message.order_id),
            version=Version(message.version),
            state=of_proto(OrderState, orders_pb2.OrderState, message.state),
            reason=message.reason or None,
            cancel_requested=message.cancel_requested,
            change_time=time_of(message.change_time),
        )


@strawberry.type(description="The payment of an order.")
class Payment:
    """What has become of the money."""

    state: PaymentState | None
    amount: Money | None
    reason: str | None = strawberry.field(description="Why it failed.")
    cancel_requested: bool
    create_time: datetime
    update_time: datetime

    @classmethod
    def of(cls, message: payments_pb2.Payment) -> Payment:
        """As the payments service tells it."""
        return cls(
            state=of_proto(PaymentState, payments_pb2.PaymentState, message.state),
            amount=Money.of(message.amount) if message.HasField("amount") else None,
            reason=message.reason or None,
            cancel_requested=message.cancel_requested,
            create_time=time_of(message.create_time),
            update_time=time_of(message.update_time),
        )


@strawberry.type(description="The shipment of an order.")
class Shipment:
    """Where the goods are."""

    state: ShipmentState | None
    reason: str | None = strawberry.field(description="Why it was cancelled.")
    dispatch_time: datetime | None
    deliver_time: datetime | None = strawberry.field(description="When it arrived, or is to arrive.")

    @classmethod
    def of(cls, message: shipping_pb2.Shipment) -> Shipment:
        """As the shipping service tells it."""
        return cls(
            state=of_proto(ShipmentState, shipping_pb2.ShipmentState, message.state),
            reason=message.reason or None,
            dispatch_time=time_of(message.dispatch_time) if message.HasField("dispatch_time") else None,
            deliver_time=time_of(message.deliver_time) if message.HasField("deliver_time") else None,
        )
