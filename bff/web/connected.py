"""What is connected over several services: orders with all that belongs to them, and who has placed them.

What another service knows of a thing is a field that loads it, see `loaders`.
"""

from __future__ import annotations

import uuid
from datetime import datetime

import strawberry

from bff.web.connections import Connection, page_of
from bff.web.enums import Coordination, Flow, OrderState, of_proto
from bff.web.scalars import PageSize, Sku, Version
from bff.web.session import Info
from bff.web.types import Money, OrderStatus, Payment, Product, Shipment, User, time_of
from ordermesh.orders.v1 import orders_pb2

PAGE = PageSize(20)


async def _product(line: strawberry.Parent[OrderLine], info: Info) -> Product | None:
    found = await info.context.loaders.products.load(line.sku)
    return Product.of(found) if found else None


@strawberry.type(description="One product of an order, as it was when the order was placed.")
class OrderLine:
    """Its price and title stay."""

    sku: Sku
    title: str
    quantity: int
    unit_price: Money
    product: Product | None = strawberry.field(
        resolver=_product, description="The product as it is today; null if it is not sold any more."
    )

    @classmethod
    def of(cls, message: orders_pb2.OrderLine) -> OrderLine:
        """As the orders service tells it."""
        return cls(
            sku=Sku(message.sku),
            title=message.title,
            quantity=message.quantity,
            unit_price=Money.of(message.unit_price),
        )


async def _customer(order: strawberry.Parent[Order], info: Info) -> User | None:
    found = await info.context.loaders.users.load(order.customer_id)
    return User.of(found) if found else None


async def _payment(order: strawberry.Parent[Order], info: Info) -> Payment | None:
    found = await info.context.loaders.payments.load(str(order.id))
    return Payment.of(found) if found else None


async def _shipment(order: strawberry.Parent[Order], info: Info) -> Shipment | None:
    found = await info.context.loaders.shipments.load(str(order.id))
    return Shipment.of(found) if found else None


async def _timeline(order: strawberry.Parent[Order], info: Info) -> list[OrderStatus] | None:
    return [OrderStatus.of(status) for status in await info.context.loaders.histories.load(str(order.id))]


@strawberry.type(description="An order.")
class Order:
    """What was ordered, and where it stands."""

    customer_id: strawberry.Private[str]
    id: uuid.UUID
    state: OrderState | None
    version: Version = strawberry.field(description="Of its state; `orderStatus` goes on after it.")
    lines: list[OrderLine]
    total: Money
    coordination: Coordination | None
    coordination_reason: str
    flow: Flow | None
    reason: str | None = strawberry.field(description="Why it is cancelled, or being cancelled.")
    cancel_requested: bool
    create_time: datetime
    update_time: datetime
    customer: User | None = strawberry.field(resolver=_customer, description="Who placed it.")
    payment: Payment | None = strawberry.field(
        resolver=_payment, description="Its payment; null before anybody has heard of one."
    )
    shipment: Shipment | None = strawberry.field(
        resolver=_shipment, description="Its shipment; null in the flow STANDARD, and before it is booked."
    )
    timeline: list[OrderStatus] | None = strawberry.field(
        resolver=_timeline, description="Its history so far, oldest first."
    )

    @classmethod
    def of(cls, message: orders_pb2.Order) -> Order:
        """As the orders service tells it."""
        return cls(
            customer_id=message.customer_id,
            id=uuid.UUID(message.order_id),
            state=of_proto(OrderState, orders_pb2.OrderState, message.state),
            version=Version(message.version),
            lines=[OrderLine.of(line) for line in message.lines],
            total=Money.of(message.total),
            coordination=of_proto(Coordination, orders_pb2.Coordination, message.coordination),
            coordination_reason=message.coordination_reason,
            flow=of_proto(Flow, orders_pb2.Flow, message.flow),
            reason=message.reason or None,
            cancel_requested=message.cancel_requested,
            create_time=time_of(message.create_time),
            update_time=time_of(message.update_time),
        )


async def _orders(info: Info, first: PageSize = PAGE, after: str | None = None) -> Connection[Order] | None:
    answer = await info.context.backends.list_orders(first, after or "")
    return page_of([Order.of(order) for order in answer.orders], answer.next_page_token, after)


@strawberry.type(description="The account that asks.")
class Viewer(User):
    """Who is signed in."""

    orders: Connection[Order] | None = strawberry.field(
        resolver=_orders, description="The caller's orders, newest first; every customer's for an operator."
    )
