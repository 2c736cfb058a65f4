"""The services that an overview is made of, in the test's own process: real servers, guards and channels."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bff.overview.settings import Settings
from bff.overview.wiring import build
from kit import call, telemetry
from kit.errors import access_denied
from kit.interceptors import Guard
from kit.money import from_minor
from kit.server import Server
from kit.testing.serve import serving
from kit.testing.tokens import Issuer
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2
from ordermesh.products.v1 import products_pb2, products_service_pb2
from ordermesh.shipping.v1 import shipping_pb2, shipping_service_pb2
from ordermesh.users.v1 import users_pb2, users_service_pb2

ISSUER = Issuer()
ADA, BOB, OLGA = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)
ORDER = orders_pb2.Order(
    order_id=str(uuid.UUID(int=10)),
    customer_id=str(ADA),
    state=orders_pb2.ORDER_STATE_CONFIRMED,
    version=2,
    lines=[
        orders_pb2.OrderLine(sku="TEA", title="Tea", quantity=2, unit_price=from_minor(450, "EUR")),
        orders_pb2.OrderLine(sku="MUG", title="Mug", quantity=1, unit_price=from_minor(1250, "EUR")),
    ],
    total=from_minor(2150, "EUR"),
)
CUSTOMER = users_pb2.User(user_id=str(ADA), username="ada", display_name="Ada", email="ada@example.com")
PRODUCTS = {
    sku: products_pb2.Product(sku=sku, title=f"{sku} of today", price=from_minor(500, "EUR"))
    for sku in ("MUG", "TEA")
}
PAYMENT = payments_pb2.Payment(
    order_id=ORDER.order_id, customer_id=str(ADA), state=payments_pb2.PAYMENT_STATE_CHARGED
)
SHIPMENT = shipping_pb2.Shipment(
    order_id=ORDER.order_id, customer_id=str(ADA), state=shipping_pb2.SHIPMENT_STATE_BOOKED
)
PARTS = ("payments", "products", "shipping", "users")
"""All but orders, in alphabetical order."""

Behaviour = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Heard:
    """What came with a call."""

    caller: uuid.UUID | None
    trace: str
    seconds: float


@dataclass
class Shop:
    """What the services know and how they behave; `heard` is what reached them."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    """By service: what happens before it answers."""
    payment: payments_pb2.Payment | None = field(default_factory=lambda: PAYMENT)
    shipment: shipping_pb2.Shipment | None = field(default_factory=lambda: SHIPMENT)
    heard: dict[str, Heard] = field(default_factory=dict)

    def __getattr__(self, method: str) -> Any:
        """The other methods of the services, which an overview has no business with."""
        if not method[:1].isupper():
            raise AttributeError(method)
        return partial(self._never, method)

    async def _never(self, method: str, request: Any, context: Any) -> None:
        raise AssertionError(f"{method} is called")

    async def arrive(self, service: str, context: Any) -> None:
        """What every service does with a call."""
        caller = None if service == "products" else call.caller().user_id  # the catalogue asks nobody
        self.heard[service] = Heard(caller, telemetry.trace_id(), context.time_remaining())
        if behave := self.behaviours.get(service):
            await behave()

    async def GetOrder(self, request: Any, context: Any) -> orders_service_pb2.GetOrderResponse:
        await self.arrive("orders", context)
        own(ORDER if request.order_id == ORDER.order_id else None)
        return orders_service_pb2.GetOrderResponse(order=ORDER)

    async def GetUser(self, request: Any, context: Any) -> users_service_pb2.GetUserResponse:
        await self.arrive("users", context)
        assert request.user_id == str(ADA)
        return users_service_pb2.GetUserResponse(user=CUSTOMER)

    async def GetPublicKeys(self, request: Any, context: Any) -> users_service_pb2.GetPublicKeysResponse:
        return users_service_pb2.GetPublicKeysResponse(jwks=await ISSUER.jwks())

    async def BatchGetProducts(
        self, request: Any, context: Any
    ) -> products_service_pb2.BatchGetProductsResponse:
        await self.arrive("products", context)
        found = [PRODUCTS[sku] for sku in request.skus]
        return products_service_pb2.BatchGetProductsResponse(products=found)

    async def GetPayment(self, request: Any, context: Any) -> payments_service_pb2.GetPaymentResponse:
        await self.arrive("payments", context)
        return payments_service_pb2.GetPaymentResponse(payment=own(self.payment))

    async def GetShipment(self, request: Any, context: Any) -> shipping_service_pb2.GetShipmentResponse:
        await self.arrive("shipping", context)
        return shipping_service_pb2.GetShipmentResponse(shipment=own(self.shipment))


def own(thing: Any) -> Any:
    """The thing, if there is one and it is the caller's: the rule of every service."""
    caller = call.caller()
    if thing is None or not (caller.is_operator or thing.customer_id == str(caller.user_id)):
        raise access_denied()
    return thing


SERVED = {
    "orders": "ordermesh.orders.v1.OrdersService",
    "users": "ordermesh.users.v1.UsersService",
    "products": "ordermesh.products.v1.ProductsService",
    "payments": "ordermesh.payments.v1.PaymentsService",
    "shipping": "ordermesh.shipping.v1.TrackingService",
}


class Running:
    """The aggregator, and the services of a shop behind it."""

    def __init__(self, folder: Path, shop: Shop) -> None:
        self._addresses = {name: f"unix:{folder}/{name}" for name in SERVED}
        self._shop = shop
        self._servers: dict[str, Server] = {}
        self.channel: Any = None

    @property
    def settings(self) -> Settings:
        """What the aggregator is told."""
        told = {f"{name}_address": address for name, address in self._addresses.items()}
        return Settings.model_validate({"listen": "127.0.0.1:1"} | told)

    async def start(self, service: str) -> None:
        """Let a service listen."""
        guard = Guard(service, ISSUER.verifier())
        server = Server(self._addresses[service], guard, {SERVED[service]: self._shop})
        await server.start()
        self._servers[service] = server

    async def stop(self, service: str) -> None:
        """Take a service away."""
        await self._servers.pop(service).stop(0)

    async def close(self) -> None:
        """Take all away."""
        for service in list(self._servers):
            await self.stop(service)


@asynccontextmanager
async def overview(folder: Path, shop: Shop) -> AsyncIterator[Running]:
    """The aggregator with all services of the shop."""
    running = Running(folder, shop)
    async with AsyncExitStack() as stack:
        running.channel = await stack.enter_async_context(serving("overview", build(running.settings)))
        stack.push_async_callback(running.close)
        for service in SERVED:
            await running.start(service)
        yield running


async def hang() -> None:
    """Never answer."""
    await asyncio.Event().wait()
