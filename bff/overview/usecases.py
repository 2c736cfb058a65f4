"""Composes the overview of an order: first the order, which says who may read it, then the rest at once."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol, TypeVar

from kit import call
from kit.channels import Refused, Unanswered
from kit.logs import log
from ordermesh.orders.v1.orders_pb2 import Order
from ordermesh.overview.v1.overview_pb2 import (
    OrderOverview,
    OverviewCustomer,
    OverviewLine,
    UnavailableService,
)
from ordermesh.payments.v1.payments_pb2 import Payment
from ordermesh.products.v1.products_pb2 import Product
from ordermesh.shipping.v1.shipping_pb2 import Shipment
from ordermesh.users.v1.users_pb2 import User

MOST_SECONDS = 2.0
SHARE = 0.75
"""How much of the time that is left the parts may take: what they do not say by then is left out, and the
answer is still in time.
"""

P = TypeVar("P")


class Backends(Protocol):
    """The services that know the parts. All raise Refused or Unanswered."""

    async def order(self, order_id: str) -> Order:
        """The order, if the caller may read it."""

    async def user(self, user_id: str) -> User:
        """The account of the customer."""

    async def products(self, skus: Sequence[str]) -> Mapping[str, Product]:
        """The products by sku."""

    async def payment(self, order_id: str) -> Payment | None:
        """The payment; None before there is one."""

    async def shipment(self, order_id: str) -> Shipment | None:
        """The shipment; None if there is none."""


async def get_order_overview(order_id: str, backends: Backends) -> OrderOverview:
    """Read an order and all that belongs to it. A part that does not come is named, and no error."""
    order = await backends.order(order_id)
    call.set_deadline(SHARE * call.remaining(MOST_SECONDS))
    missing: list[UnavailableService] = []
    async with asyncio.TaskGroup() as group:
        user = group.create_task(_told("users", backends.user(order.customer_id), missing))
        skus = [line.sku for line in order.lines]
        products = group.create_task(_told("products", backends.products(skus), missing))
        payment = group.create_task(_told("payments", backends.payment(order_id), missing))
        shipment = group.create_task(_told("shipping", backends.shipment(order_id), missing))
    if missing:
        log().warning("overview_partial", missing={one.service: one.reason for one in missing})
    return OrderOverview(
        order=_without_lines(order),
        lines=_lines(order, products.result() or {}),
        customer=_customer(user.result()),
        payment=payment.result(),
        shipment=shipment.result(),
        unavailable=sorted(missing, key=lambda one: one.service),
    )


async def _told(service: str, part: Awaitable[P], missing: list[UnavailableService]) -> P | None:
    try:
        return await part
    except Unanswered as error:
        reason = error.details["cause"]
    except Refused as error:
        reason = error.reason
    missing.append(UnavailableService(service=service, reason=reason))
    return None


def _without_lines(order: Order) -> Order:
    shown = Order()
    shown.CopyFrom(order)
    shown.ClearField("lines")
    return shown


def _lines(order: Order, products: Mapping[str, Product]) -> list[OverviewLine]:
    return [OverviewLine(line=line, product=products.get(line.sku)) for line in order.lines]


def _customer(user: User | None) -> OverviewCustomer | None:
    return OverviewCustomer(customer_id=user.user_id, display_name=user.display_name) if user else None
