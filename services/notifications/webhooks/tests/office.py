"""The notifications service with its webhooks, whole, in the test's own process."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.message import Message

from kit.events import Event
from kit.money import from_minor
from kit.run import App
from kit.testing.events import event_of, record_of
from kit.testing.postgres import scratch_url
from kit.testing.serve import Told, serving
from kit.testing.tokens import Issuer
from ordermesh.notifications.v1 import webhooks_pb2, webhooks_service_pb2_grpc
from ordermesh.notifications.v1 import webhooks_service_pb2 as pb
from ordermesh.orders.v1 import orders_events_pb2 as events
from ordermesh.orders.v1.orders_pb2 import OrderLine
from services.notifications import settings, wiring

ISSUER = Issuer()
ADA, BOB, OLGA = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
SECONDS = 20.0
ALL = ("order.placed", "order.confirmed", "order.cancelled", "order.cancellation_requested")


@dataclass
class Office:
    """The service as its callers see it, and its rounds."""

    app: App
    stub: Any
    url: str

    async def call(self, request: Message, user: uuid.UUID = ADA, role: str = "customer") -> Any:
        """Call the method whose request it is."""
        method = getattr(self.stub, type(request).__name__.removesuffix("Request"))
        return await method(request, metadata=ISSUER.authorization(user, role), timeout=SECONDS)

    async def create(self, url: str, *types: str, user: uuid.UUID = ADA, request_id: str = "") -> Any:
        """Register an endpoint; the answer."""
        request = pb.CreateWebhookEndpointRequest(
            request_id=request_id or new(), url=url, event_types=types or ALL
        )
        return await self.call(request, user)

    async def verify(self, endpoint_id: str, user: uuid.UUID = ADA) -> Any:
        """Verify an endpoint; as it is then."""
        request = pb.VerifyWebhookEndpointRequest(request_id=new(), endpoint_id=endpoint_id)
        return (await self.call(request, user)).endpoint

    async def active(self, url: str, *types: str, user: uuid.UUID = ADA) -> str:
        """The id of an endpoint that is verified."""
        created = await self.create(url, *types, user=user)
        return str((await self.verify(created.endpoint.endpoint_id, user)).endpoint_id)

    async def endpoint(self, endpoint_id: str) -> webhooks_pb2.WebhookEndpoint:
        """An endpoint of Ada's as it is now."""
        answer = await self.call(pb.GetWebhookEndpointRequest(endpoint_id=endpoint_id))
        return answer.endpoint  # type: ignore[no-any-return]

    async def deliveries(self, endpoint_id: str) -> list[webhooks_pb2.WebhookDelivery]:
        """What is on its way to an endpoint of Ada's, oldest first."""
        answer = await self.call(pb.ListWebhookDeliveriesRequest(endpoint_id=endpoint_id, page_size=100))
        return list(answer.deliveries)[::-1]

    async def hears(self, *heard: Event) -> None:
        """Events come."""
        assert self.app.events is not None
        assert self.app.events.dispatcher is not None
        for event in heard:
            await self.app.events.dispatcher.dispatch(record_of(event))

    async def sweep(self) -> None:
        """A round of the sender."""
        await self.app.rounds[1].work()

    async def execute(self, statement: str) -> None:
        """Change the database past the service, such as its times."""
        connection = await asyncpg.connect(self.url)
        await connection.execute(statement)
        await connection.close()

    async def until(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Rounds, until a condition holds."""
        async with asyncio.timeout(SECONDS):
            while not await is_so():
                await self.sweep()
                await asyncio.sleep(0.02)

    async def until_settled(self, endpoint_id: str) -> list[webhooks_pb2.WebhookDelivery]:
        """Rounds, until nothing waits for an endpoint; its deliveries, oldest first."""
        pending = webhooks_pb2.WEBHOOK_DELIVERY_STATE_PENDING

        async def settled() -> bool:
            return all(each.state != pending for each in await self.deliveries(endpoint_id))

        await self.until(settled)
        return await self.deliveries(endpoint_id)


def new() -> str:
    """A new request_id."""
    return str(uuid.uuid4())


def history(
    order_id: uuid.UUID, customer_id: uuid.UUID = ADA, *later: Message, coordination: str = "SYNC"
) -> list[Event]:
    """An order that is placed and confirmed, or what else becomes of it."""
    total = from_minor(1250, "EUR")
    line = OrderLine(sku="MUG-BLUE", title="Blue mug", quantity=1, unit_price=total)
    about = {"order_id": str(order_id)}
    placed = events.OrderPlaced(**about, customer_id=str(customer_id), lines=[line], total=total)
    facts = [placed, *(later or (events.OrderConfirmed(**about),))]
    return [event_of(fact, order_id, version, coordination) for version, fact in enumerate(facts, 1)]


async def refused(call: Awaitable[Any]) -> Told:
    """What a call is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Told(caught.value)


@asynccontextmanager
async def notifications(url: str, **changed: Any) -> AsyncIterator[Office]:
    """One instance of the service on a database."""
    quick: dict[str, Any] = {"profile": "dev", "webhook_local": True, "webhook_schedule": "0.01,0.01,0.01"}
    chosen = settings.Settings(
        listen="unix:/unused",
        database_url=url,
        users_address="127.0.0.1:1",
        smtp_address="127.0.0.1:1",
        kafka_address="127.0.0.1:1",
        **(quick | changed),
    )
    app = replace(wiring.build(chosen), tokens=ISSUER.verifier())
    async with serving("notifications", app) as channel:
        yield Office(app, webhooks_service_pb2_grpc.WebhooksServiceStub(channel), url)


@asynccontextmanager
async def an_office(**changed: Any) -> AsyncIterator[Office]:
    """The service on a database of its own."""
    async with scratch_url(wiring.MIGRATIONS) as url, notifications(url, **changed) as office:
        yield office
