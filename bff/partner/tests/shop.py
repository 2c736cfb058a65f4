"""Services that the partners' backend calls, kept in memory: real gRPC servers that behave.

They keep to the rules that matter here: whose a thing is, pages, histories, requests, and refusals.
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

from google.protobuf.message import Message

from bff.partner.app import AUDIENCE, api
from bff.partner.backends import Peers
from bff.partner.scopes import SCOPES
from bff.partner.tests import servicers
from kit import call
from kit.channels import Peer
from kit.errors import Problem
from kit.http_run import HttpApp
from kit.money import from_minor
from kit.requests import request_key
from kit.testing.backing import Address, Running, backed
from kit.testing.tokens import Issuer
from ordermesh.notifications.v1 import webhooks_pb2
from ordermesh.orders.v1 import orders_pb2
from ordermesh.products.v1 import products_pb2

ISSUER = Issuer()
ADA, BOB = uuid.UUID(int=0xADA), uuid.UUID(int=0xB0B)
CLIENT, OTHER_CLIENT, SECRET = "a-client", "another-client", "a-secret-of-a-test"
SERVICES = ("users", "products", "orders", "notifications")


@dataclass
class Shop:
    """What the services know, and what is wrong with them."""

    products: dict[str, products_pb2.Product] = field(default_factory=dict)
    orders: dict[str, orders_pb2.Order] = field(default_factory=dict)
    histories: dict[str, list[orders_pb2.OrderStatus]] = field(default_factory=dict)
    endpoints: dict[str, webhooks_pb2.WebhookEndpoint] = field(default_factory=dict)
    deliveries: dict[str, webhooks_pb2.WebhookDelivery] = field(default_factory=dict)
    owners: dict[str, uuid.UUID] = field(default_factory=dict)
    """Of endpoints."""
    requests: dict[tuple[str, str, uuid.UUID], tuple[bytes, Message | None]] = field(default_factory=dict)
    """What was asked for, and the answer; none while it is under way."""
    calls: Counter[str] = field(default_factory=Counter)
    broken: dict[str, Exception] = field(default_factory=dict)
    """What a method raises instead of answering, by its name."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """A request with an id has come."""
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """Placing an order waits for it."""

    def note(self, method: str) -> None:
        """A method is called."""
        self.calls[method] += 1
        if method in self.broken:
            raise self.broken[method]

    def repeated(self, request: Message) -> Message | None:
        """The answer of the first such request; None if this is the first."""
        key = request_key(call.caller().user_id, request)
        place = (key.subject, key.method, key.request_id)
        if place not in self.requests:
            self.requests[place] = (key.fingerprint, None)
            self.asked.set()
            return None
        fingerprint, answer = self.requests[place]
        if fingerprint != key.fingerprint:
            raise Problem("invalid", "REQUEST_ID_MISMATCH", "this request_id was used with another content")
        if answer is None:
            raise Problem("conflict", "REQUEST_IN_PROGRESS", "the same request is under way")
        return answer

    def answered(self, request: Message, answer: Message) -> None:
        """The first request has its answer."""
        key = request_key(call.caller().user_id, request)
        self.requests[key.subject, key.method, key.request_id] = (key.fingerprint, answer)

    def ordered(self, owner: uuid.UUID, lines: dict[str, int]) -> str:
        """There is an order of these products."""
        order = orders_pb2.Order(
            order_id=str(uuid.uuid4()),
            customer_id=str(owner),
            lines=[
                orders_pb2.OrderLine(
                    sku=sku, title=sku, quantity=quantity, unit_price=self.products[sku].price
                )
                for sku, quantity in lines.items()
            ],
            total=from_minor(1250 * sum(lines.values()), "EUR"),
            flow=orders_pb2.FLOW_STANDARD,
        )
        order.create_time.FromSeconds(1_800_000_000)
        self.orders[order.order_id] = order
        self.moved(order.order_id, orders_pb2.ORDER_STATE_PENDING)
        return order.order_id

    def moved(self, order_id: str, state: orders_pb2.OrderState.ValueType, reason: str = "") -> None:
        """An order changes its state."""
        order = self.orders[order_id]
        order.version += 1
        order.state, order.reason = state, reason
        status = orders_pb2.OrderStatus(order_id=order_id, version=order.version, state=state, reason=reason)
        self.histories.setdefault(order_id, []).append(status)

    def registered(self, owner: uuid.UUID, url: str, types: list[str]) -> str:
        """There is an endpoint, with a delivery."""
        endpoint = webhooks_pb2.WebhookEndpoint(
            endpoint_id=str(uuid.uuid4()),
            url=url,
            event_types=types,
            state=webhooks_pb2.WEBHOOK_ENDPOINT_STATE_UNVERIFIED,
        )
        self.endpoints[endpoint.endpoint_id] = endpoint
        self.owners[endpoint.endpoint_id] = owner
        delivery = webhooks_pb2.WebhookDelivery(
            delivery_id=str(uuid.uuid4()),
            endpoint_id=endpoint.endpoint_id,
            event_type="order.confirmed",
            state=webhooks_pb2.WEBHOOK_DELIVERY_STATE_FAILED,
            attempts=10,
            last_status_code=500,
        )
        self.deliveries[delivery.delivery_id] = delivery
        return endpoint.endpoint_id


def stocked() -> Shop:
    """Three products; nothing waits."""
    shop = Shop()
    shop.held.set()
    for sku in ("CLOCK-WALL", "MUG-BLUE", "TEA-GREEN"):
        shop.products[sku] = products_pb2.Product(
            sku=sku, title=sku.title(), category="kitchen", price=from_minor(1250, "EUR")
        )
    return shop


def token(user: uuid.UUID = ADA, scopes: str = " ".join(SCOPES), client: str = CLIENT, **more: Any) -> str:
    """A client's token."""
    return ISSUER.token(user, **{"aud": AUDIENCE, "client_id": client, "scope": scopes, **more})


@asynccontextmanager
async def running(shop: Shop) -> AsyncIterator[Running[Shop]]:
    """All services, and the backend's application, which trusts the tokens of the test."""

    def build(address: Address) -> HttpApp:
        peers = Peers(*(Peer(name, address(name), for_user=name != "users") for name in SERVICES))
        return api(peers, ISSUER.verifier([AUDIENCE]))

    served = partial(servicers.of, shop=shop)
    async with backed(shop, SERVICES, served, ISSUER.verifier, build) as found:
        yield found
