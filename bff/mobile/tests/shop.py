"""Services that the mobile BFF calls, kept in memory: real gRPC servers that behave, and note their calls.

They keep to the rules that matter here: whose a thing is, keys of requests, histories, what is refused.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from bff.mobile.app import AUDIENCE, screens
from bff.mobile.backends import Peers
from bff.mobile.tests import servicers
from kit.channels import Peer
from kit.http_run import HttpApp
from kit.money import from_minor
from kit.testing.backing import Address, Running, backed
from kit.testing.tokens import Issuer
from ordermesh.orders.v1 import orders_pb2
from ordermesh.products.v1 import products_pb2
from ordermesh.users.v1 import users_pb2

ISSUER = Issuer()
ADA, BOB = uuid.UUID(int=0xADA), uuid.UUID(int=0xB0B)
PASSWORD = "a-password-of-a-test"
SERVICES = ("users", "products", "orders")
BEGIN = 1_790_000_000


@dataclass
class Shop:
    """What the services know, and what is wrong with them."""

    users: dict[str, users_pb2.User] = field(default_factory=dict)
    products: dict[str, products_pb2.Product] = field(default_factory=dict)
    orders: dict[str, orders_pb2.Order] = field(default_factory=dict)
    histories: dict[str, list[orders_pb2.OrderStatus]] = field(default_factory=dict)
    requests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    heard: list[Any] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    """What a method raises instead of answering, by its name."""
    stuck: set[str] = field(default_factory=set)
    """Methods that never answer."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def note(self, method: str, request: Any) -> None:
        """A method is called."""
        self.calls[method] += 1
        self.heard.append(request)
        self.asked.set()
        self.asked = asyncio.Event()
        if method in self.broken:
            raise self.broken[method]
        if method in self.stuck:
            await asyncio.Event().wait()

    def opened(self, user_id: uuid.UUID, name: str) -> None:
        """There is an account."""
        self.users[str(user_id)] = users_pb2.User(
            user_id=str(user_id), username=name, email=f"{name}@example.com", display_name=name.title()
        )

    def sold(self, sku: str, title: str, cents: int = 1250) -> None:
        """There is a product."""
        self.products[sku] = products_pb2.Product(
            sku=sku, title=title, description=f"{title}, described.", price=from_minor(cents, "EUR")
        )

    def ordered(self, owner: uuid.UUID, skus: list[str], *, paid: bool = True) -> str:
        """There is an order of these products."""
        order = orders_pb2.Order(
            order_id=str(uuid.uuid4()),
            customer_id=str(owner),
            lines=[
                orders_pb2.OrderLine(
                    sku=sku,
                    title=self.products[sku].title,
                    quantity=2,
                    unit_price=self.products[sku].price,
                )
                for sku in skus
            ],
            total=from_minor(2500 * len(skus), "EUR"),
            create_time=Timestamp(seconds=BEGIN + 86_461 * len(self.orders)),
        )
        self.orders[order.order_id] = order
        self.moved(order.order_id, orders_pb2.ORDER_STATE_PENDING)
        if paid:
            self.moved(order.order_id, orders_pb2.ORDER_STATE_CONFIRMED)
        return order.order_id

    def moved(self, order_id: str, state: orders_pb2.OrderState.ValueType, reason: str = "") -> None:
        """An order changes its state."""
        order = self.orders[order_id]
        order.version += 1
        order.state, order.reason = state, reason
        order.update_time.seconds = order.create_time.seconds + order.version
        status = orders_pb2.OrderStatus(
            order_id=order_id,
            version=order.version,
            state=state,
            reason=reason,
            change_time=order.update_time,
        )
        self.histories.setdefault(order_id, []).append(status)
        self.changed.set()
        self.changed = asyncio.Event()


def stocked() -> Shop:
    """Three products, two accounts."""
    shop = Shop()
    for sku, title in (("CLOCK-WALL", "Wall Clock"), ("MUG-BLUE", "Harbour Mug"), ("TEA-GREEN", "Green Tea")):
        shop.sold(sku, title)
    shop.opened(ADA, "ada")
    shop.opened(BOB, "bob")
    return shop


@asynccontextmanager
async def running(shop: Shop) -> AsyncIterator[Running[Shop]]:
    """All services, and the BFF's application, which trusts the tokens of the test."""

    def build(address: Address) -> HttpApp:
        peers = Peers(*(Peer(name, address(name), for_user=True) for name in SERVICES))
        return screens(peers, ISSUER.verifier([AUDIENCE]))

    served = partial(servicers.of, shop=shop)
    async with backed(shop, SERVICES, served, ISSUER.verifier, build) as found:
        yield found
