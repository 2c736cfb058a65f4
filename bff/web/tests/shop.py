"""Services that the web BFF calls, kept in memory: real gRPC servers that behave, and count their calls.

They keep to the rules that matter here: whose a thing is, pages, histories, what is refused and how.
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

from bff.web.app import AUDIENCE, graph
from bff.web.backends import Peers
from bff.web.settings import Settings
from bff.web.tests import servicers
from kit.channels import Peer
from kit.http_run import HttpApp
from kit.money import from_minor
from kit.testing.backing import Address, Running, backed
from kit.testing.tokens import Issuer
from ordermesh.orders.v1 import orders_pb2
from ordermesh.payments.v1 import payments_pb2
from ordermesh.products.v1 import products_pb2
from ordermesh.shipping.v1 import shipping_pb2
from ordermesh.users.v1 import users_pb2

ISSUER = Issuer()
ADA, BOB, OLGA = uuid.UUID(int=0xADA), uuid.UUID(int=0xB0B), uuid.UUID(int=0x01CA)
PASSWORD = "a-password-of-a-test"
SERVICES = ("users", "products", "orders", "payments", "shipping")


@dataclass
class Shop:
    """What the services know, and what is wrong with them."""

    users: dict[str, users_pb2.User] = field(default_factory=dict)
    products: dict[str, products_pb2.Product] = field(default_factory=dict)
    orders: dict[str, orders_pb2.Order] = field(default_factory=dict)
    histories: dict[str, list[orders_pb2.OrderStatus]] = field(default_factory=dict)
    payments: dict[str, payments_pb2.Payment] = field(default_factory=dict)
    shipments: dict[str, shipping_pb2.Shipment] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    broken: dict[str, Exception] = field(default_factory=dict)
    """What a method raises instead of answering, by its name."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watchers: set[asyncio.Task[Any]] = field(default_factory=set)

    def note(self, method: str) -> None:
        """A method is called."""
        self.calls[method] += 1
        if method in self.broken:
            raise self.broken[method]

    def opened(self, user_id: uuid.UUID, name: str, role: users_pb2.Role.ValueType) -> None:
        """There is an account."""
        self.users[str(user_id)] = users_pb2.User(
            user_id=str(user_id), username=name, email=f"{name}@example.com", display_name=name, role=role
        )

    def ordered(
        self,
        owner: uuid.UUID,
        skus: list[str],
        *,
        paid: bool = True,
        shipped: bool = False,
        flow: orders_pb2.Flow.ValueType = orders_pb2.FLOW_STANDARD,
    ) -> str:
        """There is an order of these products, with what belongs to it."""
        order = orders_pb2.Order(
            order_id=str(uuid.uuid4()),
            customer_id=str(owner),
            state=orders_pb2.ORDER_STATE_PENDING,
            version=0,
            lines=[
                orders_pb2.OrderLine(sku=sku, title=sku, quantity=1, unit_price=self.products[sku].price)
                for sku in skus
            ],
            total=from_minor(1250 * len(skus), "EUR"),
            coordination=orders_pb2.COORDINATION_SYNC,
            coordination_reason="the caller asked for it",
            flow=flow,
        )
        self.orders[order.order_id] = order
        self.moved(order.order_id, orders_pb2.ORDER_STATE_PENDING)
        if paid:
            self.payments[order.order_id] = payments_pb2.Payment(
                order_id=order.order_id,
                customer_id=str(owner),
                state=payments_pb2.PAYMENT_STATE_CHARGED,
                amount=order.total,
            )
            self.moved(order.order_id, orders_pb2.ORDER_STATE_CONFIRMED)
        if shipped:
            self.shipments[order.order_id] = shipping_pb2.Shipment(
                order_id=order.order_id,
                customer_id=str(owner),
                state=shipping_pb2.SHIPMENT_STATE_IN_TRANSIT,
            )
        return order.order_id

    def moved(self, order_id: str, state: orders_pb2.OrderState.ValueType, reason: str = "") -> None:
        """An order changes its state."""
        order = self.orders[order_id]
        order.version += 1
        order.state, order.reason = state, reason
        status = orders_pb2.OrderStatus(order_id=order_id, version=order.version, state=state, reason=reason)
        self.histories.setdefault(order_id, []).append(status)
        self.changed.set()
        self.changed = asyncio.Event()


def stocked() -> Shop:
    """Three products, three accounts."""
    shop = Shop()
    for sku in ("CLOCK-WALL", "MUG-BLUE", "TEA-GREEN"):
        shop.products[sku] = products_pb2.Product(
            sku=sku, title=sku.title(), description="", category="kitchen", price=from_minor(1250, "EUR")
        )
    shop.opened(ADA, "ada", users_pb2.ROLE_CUSTOMER)
    shop.opened(BOB, "bob", users_pb2.ROLE_CUSTOMER)
    shop.opened(OLGA, "olga", users_pb2.ROLE_OPERATOR)
    return shop


@asynccontextmanager
async def running(shop: Shop, profile: str = "dev", documents: str = "") -> AsyncIterator[Running[Shop]]:
    """All services, and the BFF's application, which trusts the tokens of the test."""

    def build(address: Address) -> HttpApp:
        found = {f"{name}_address": address(name) for name in SERVICES}
        settings = Settings.model_validate(
            {"listen": "unix:/unused", "profile": profile, "documents": documents, **found}
        )
        peers = Peers(*(Peer(name, address(name), for_user=True) for name in SERVICES))
        return graph(settings, peers, ISSUER.verifier([AUDIENCE]))

    served = partial(servicers.of, shop=shop)
    async with backed(shop, SERVICES, served, ISSUER.verifier, build) as found:
        yield found
