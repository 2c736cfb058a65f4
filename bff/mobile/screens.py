"""What a screen shows, made of what the services tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from bff.mobile.backends import Backends
from bff.mobile.schemas import Home, Line, Me, OrderCard, OrderScreen, ProductCard, Status
from kit import call
from kit.call import Caller
from kit.channels import Unanswered
from kit.money import to_minor
from ordermesh.orders.v1 import orders_pb2
from ordermesh.products.v1 import products_pb2
from ordermesh.users.v1 import users_pb2

LISTED = 20
"""Orders and products on the first screen."""
PART_SECONDS = 2.0
"""What a part of the first screen may take; then the screen is shown without it."""

T = TypeVar("T")


async def home(caller: Caller, backends: Backends) -> Home:
    """The first screen, of three services at once. What one of them does not tell is left out and named; the
    error is answered only if none tells anything.
    """
    call.set_deadline(call.remaining(PART_SECONDS))
    user, orders, products = await asyncio.gather(
        _told(backends.user(str(caller.user_id))),
        _told(backends.orders(LISTED)),
        _told(backends.products(LISTED)),
    )
    missing = [part for part in (user, orders, products) if isinstance(part, Unanswered)]
    if len(missing) == 3:
        raise missing[0]
    return Home(
        me=None if isinstance(user, Unanswered) else me(user),
        orders=None if isinstance(orders, Unanswered) else [card(order) for order in orders],
        products=None if isinstance(products, Unanswered) else [product(found) for found in products],
        missing=[part.peer for part in missing] or None,
    )


async def _told(part: Awaitable[T]) -> T | Unanswered:
    try:
        return await part
    except Unanswered as silence:
        return silence


def me(user: users_pb2.User) -> Me:
    """The account that asks."""
    return Me(username=user.username, name=user.display_name)


def product(found: products_pb2.Product) -> ProductCard:
    """A product in a list."""
    return ProductCard(
        sku=found.sku,
        title=found.title,
        price=to_minor(found.price),
        currency=found.price.currency_code,
    )


def card(order: orders_pb2.Order) -> OrderCard:
    """An order in a list."""
    return OrderCard(
        id=order.order_id,
        state=state(order.state),
        version=order.version,
        total=to_minor(order.total),
        currency=order.total.currency_code,
        pieces=sum(line.quantity for line in order.lines),
        placed=seconds(order.create_time),
    )


def order_screen(order: orders_pb2.Order) -> OrderScreen:
    """An order with its lines."""
    return OrderScreen(
        **dict(card(order)),
        changed=seconds(order.update_time),
        reason=order.reason or None,
        cancelling=order.cancel_requested or None,
        lines=[
            Line(sku=line.sku, title=line.title, quantity=line.quantity, price=to_minor(line.unit_price))
            for line in order.lines
        ],
    )


def status(entry: orders_pb2.OrderStatus) -> Status:
    """One entry of an order's history."""
    return Status(
        version=entry.version,
        state=state(entry.state),
        changed=seconds(entry.change_time),
        reason=entry.reason or None,
        cancelling=entry.cancel_requested or None,
    )


def state(value: orders_pb2.OrderState.ValueType) -> str:
    """The name of a state; of one that is newer than this code, its number."""
    known = orders_pb2.OrderState.DESCRIPTOR.values_by_number.get(value)
    return known.name.removeprefix("ORDER_STATE_") if known else str(int(value))


def seconds(moment: Timestamp) -> int:
    """A moment in whole seconds."""
    return int(moment.seconds)
