"""One trace from application to application, through two real sidecars."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import grpc
import pytest

from kit import telemetry
from kit.channels import Peer
from kit.interceptors import Guard
from kit.server import Server
from kit.spans import Spans, sent_to
from kit.testing.spans import Collector, Told, collector
from mesh import sidecar, tracing
from mesh.policy import Telemetry
from mesh.tests.answers import PLAIN, TRACE, Answer, Held, answer, application, until
from mesh.tests.fleet import Fleet, fleet
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1 import inventory_service_pb2_grpc

pytestmark = pytest.mark.processes

ORDER_ID = str(uuid.UUID(int=1))
RESERVE = pb.ReserveStockRequest(request_id=ORDER_ID, order_id=ORDER_ID)
RESERVE.lines.add(sku="TEA", quantity=1)
METHOD = "ordermesh.inventory.v1.InventoryService"
PARENT = "b7ad6b7169203331"
TRACED = replace(PLAIN, telemetry=Telemetry(traces=100.0))
HEARD: list[dict[str, Any]] = []


class Hearing(Held):
    """Keeps the headers of what it hears."""

    async def ReserveStock(self, request: Any, context: Any) -> Any:
        HEARD.append(dict(context.invocation_metadata() or ()))
        return pb.ReserveStockResponse()


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    HEARD.clear()


@pytest.fixture
async def told() -> AsyncIterator[Collector]:
    async with collector() as found:
        yield found


@pytest.fixture
async def mesh(
    tmp_path_factory: pytest.TempPathFactory, told: Collector, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Fleet]:
    """Sidecars of orders and inventory that tell the collector."""

    def with_collector(node: Any, credentials: Any, found: sidecar.Mesh) -> Any:
        return sidecar.snapshot(node, credentials, replace(found, collector=told.address))

    monkeypatch.setattr("mesh.world.snapshot", with_collector)
    async with fleet(tmp_path_factory.mktemp("m"), TRACED, timedelta(hours=1)) as made:
        await made.sidecar("inventory", "inventory-1", "v1")
        await made.sidecar("orders", "orders-1")
        yield made


@dataclass
class Applications:
    """Orders and inventory as the kit makes them, each with its own spans."""

    orders: Peer
    spans: tuple[Spans, Spans]

    async def reserve(self) -> None:
        """Orders asks inventory."""
        stub = inventory_service_pb2_grpc.InventoryServiceStub(self.orders.channel)
        await self.orders.call(stub.ReserveStock, RESERVE)

    async def flushed(self) -> None:
        """All their spans are sent."""
        for spans in self.spans:
            await asyncio.to_thread(spans.close)


@asynccontextmanager
async def applications(mesh: Fleet, told: Collector) -> AsyncIterator[Applications]:
    ours, theirs = sent_to(told.address, "orders"), sent_to(told.address, "inventory")
    telemetry.record(theirs)
    server = Server(f"unix:{mesh.folder}/inventory-1.app", Guard("inventory", None), {METHOD: Hearing()})
    telemetry.record(ours)
    peer = Peer("inventory", f"unix:{mesh.folder}/orders-1.egress")
    telemetry.record(None)
    await server.start()
    await server.set_healthy(True)
    try:
        await until_reached(mesh)
        yield Applications(peer, (ours, theirs))
    finally:
        await peer.close()
        await server.stop(0)


async def until_reached(mesh: Fleet) -> None:
    """Until a call comes through: it is refused there, for it asks for nothing."""
    await until(mesh, grpc.StatusCode.INVALID_ARGUMENT)


def parent_of(found: Told) -> str:
    return found.span.parent_span_id.hex()


def chained(spans: list[Told], root: str) -> list[Told]:
    """The spans in the order of their parents, from the one below `root`."""
    order: list[Told] = []
    while below := [found for found in spans if parent_of(found) == root]:
        (next_one,) = below
        order.append(next_one)
        root = next_one.span.span_id.hex()
    return order


async def test_a_call_is_one_trace_through_applications_and_sidecars(mesh: Fleet, told: Collector) -> None:
    async with applications(mesh, told) as both:
        telemetry.accept({"traceparent": f"00-{TRACE}-{PARENT}-01"})
        await both.reserve()
        await both.flushed()
        spans = chained(await told.of(TRACE, 4), PARENT)
    kinds = found_kinds(spans)
    assert kinds == ["orders CLIENT", "orders CLIENT", "inventory SERVER", "inventory SERVER"]
    client, _, _, server = spans
    assert client.span.name == server.span.name == f"{METHOD}/ReserveStock"
    assert HEARD[-1]["traceparent"].startswith(f"00-{TRACE}-")


def found_kinds(spans: list[Told]) -> list[str]:
    return [
        f"{found.service} {found.span.SpanKind.Name(found.span.kind).removeprefix('SPAN_KIND_')}"
        for found in spans
    ]


async def test_a_call_without_a_trace_begins_one_at_the_sidecar(mesh: Fleet, told: Collector) -> None:
    server = await application(mesh, Hearing())
    await until(mesh, grpc.StatusCode.OK)
    trace_id = HEARD[-1]["traceparent"].split("-")[1]
    spans = chained(await told.of(trace_id, 2), "")
    assert found_kinds(spans) == ["orders CLIENT", "inventory SERVER"]
    await server.stop(0)


async def test_who_began_a_trace_decides_whether_sidecars_record_it(mesh: Fleet, told: Collector) -> None:
    server = await application(mesh, Hearing())
    await until(mesh, grpc.StatusCode.OK)
    await answer(mesh, (("traceparent", f"00-{TRACE}-{PARENT}-00"),))
    assert HEARD[-1]["traceparent"].startswith(f"00-{TRACE}-")
    assert HEARD[-1]["traceparent"].endswith("-00")
    after = uuid.uuid4().hex
    await answer(mesh, (("traceparent", f"00-{after}-{PARENT}-01"),))
    await told.of(after, 2)
    assert not [found for found in told.told if found.trace_id == TRACE]
    assert {found.span.name for found in told.told} == {f"/{METHOD}/ReserveStock"}
    await server.stop(0)


async def test_without_a_collector_the_trace_goes_through_untouched(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with fleet(tmp_path_factory.mktemp("m"), TRACED, timedelta(hours=1)) as plain:
        server = await application(plain, Hearing())
        await plain.sidecar("inventory", "inventory-1", "v1")
        await plain.sidecar("orders", "orders-1")
        await until(plain, grpc.StatusCode.OK)
        assert {"traceparent", "x-request-id"}.isdisjoint(HEARD[-1])
        sent: Answer = await answer(plain, (("traceparent", f"00-{TRACE}-{PARENT}-01"),))
        assert sent.code is grpc.StatusCode.OK
        assert HEARD[-1]["traceparent"] == f"00-{TRACE}-{PARENT}-01"
        await server.stop(0)


@pytest.mark.parametrize(("address", "kind"), [("127.0.0.1:4317", "STATIC"), ("otel:4317", "STRICT_DNS")])
def test_a_collector_is_known_by_its_address_or_by_its_name(address: str, kind: str) -> None:
    cluster = tracing.collector(address)
    assert cluster.DiscoveryType.Name(cluster.type) == kind
