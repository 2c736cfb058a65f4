"""Spans of RPCs and events: one trace, the right parents, and nothing in them that is nobody's business."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from kit import run, telemetry
from kit.channels import Peer, Refused, Unanswered
from kit.deadletters import DeadLetters
from kit.dispatch import Dispatcher, Reaction, Subscription
from kit.errors import Problem
from kit.events import Event
from kit.inbox import AlreadyApplied
from kit.interceptors import Guard
from kit.kafka import Publisher
from kit.server import Server
from kit.spans import Exporter, sent_to
from kit.testing.events import event_of, record_of
from kit.testing.logs import as_a_service_logs
from kit.testing.spans import collector, remembered
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1 import inventory_service_pb2_grpc
from ordermesh.orders.v1 import orders_service_pb2, orders_service_pb2_grpc
from ordermesh.orders.v1.orders_events_pb2 import OrderConfirmed

INVENTORY = "ordermesh.inventory.v1.InventoryService"
ORDERS = "ordermesh.orders.v1.OrdersService"
ORDER_ID = str(uuid.UUID(int=1))
RELEASE = pb.ReleaseStockRequest(request_id=ORDER_ID, order_id=ORDER_ID)
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "a secret in a bug"


class Probe:
    """Answers, refuses, breaks or hangs."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.heard = asyncio.Event()
        self.traceparent = ""

    async def ReleaseStock(self, request: Any, context: Any) -> pb.ReleaseStockResponse:
        self.traceparent = telemetry.traceparent()
        if self.error is not None:
            raise self.error
        return pb.ReleaseStockResponse()

    async def CommitStock(self, request: Any, context: Any) -> pb.CommitStockResponse:
        self.heard.set()
        await asyncio.Event().wait()
        return pb.CommitStockResponse()

    ReserveStock = GetStock = Restock = ReleaseStock


class Watched:
    """A service with a stream."""

    async def WatchOrder(self, request: Any, context: Any) -> AsyncIterator[Any]:
        yield orders_service_pb2.WatchOrderResponse()
        raise Problem("unavailable", "DRAINING", SECRET)

    def __getattr__(self, name: str) -> Any:
        return self.WatchOrder


@asynccontextmanager
async def served(folder: Path, service: str, probe: object) -> AsyncIterator[Peer]:
    address = f"unix:{folder}/socket"
    server = Server(address, Guard("bench", None), {service: probe})
    await server.start()
    peer = Peer("inventory", address)
    try:
        yield peer
    finally:
        await peer.close()
        await server.stop(0)


def release(peer: Peer) -> Any:
    return peer.call(inventory_service_pb2_grpc.InventoryServiceStub(peer.channel).ReleaseStock, RELEASE)


def ids(span: ReadableSpan) -> tuple[str, str, str]:
    """Trace, span, parent."""
    context, parent = span.get_span_context(), span.parent
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{parent.span_id:016x}" if parent else ""


async def test_a_call_is_one_trace_from_the_callers_span_to_the_servers(tmp_path: Path) -> None:
    with remembered() as spans:
        async with served(tmp_path, INVENTORY, probe := Probe()) as peer:
            telemetry.accept({"traceparent": f"00-{TRACE}-{PARENT}-01"})
            await release(peer)
        server, client = spans.get_finished_spans()
    assert [server.kind, client.kind] == [SpanKind.SERVER, SpanKind.CLIENT]
    assert server.name == client.name == f"{INVENTORY}/ReleaseStock"
    assert ids(client)[0] == ids(server)[0] == TRACE
    assert (ids(client)[2], ids(server)[2]) == (PARENT, ids(client)[1])
    assert probe.traceparent == f"00-{TRACE}-{ids(server)[1]}-01"


async def test_a_span_has_the_method_and_the_status_and_no_more(tmp_path: Path) -> None:
    with remembered() as spans:
        async with served(tmp_path, INVENTORY, Probe()) as peer:
            await release(peer)
        server, client = spans.get_finished_spans()
    told = {
        "rpc.system": "grpc",
        "rpc.service": INVENTORY,
        "rpc.method": "ReleaseStock",
        "rpc.grpc.status_code": 0,
    }
    assert dict(server.attributes or {}) == told
    assert dict(client.attributes or {}) == {**told, "server.address": "inventory"}


@pytest.mark.parametrize(
    ("error", "code", "of_the_server"),
    [
        (Problem("refused", "OUT_OF_STOCK", SECRET), 9, StatusCode.UNSET),
        (Problem("unavailable", "AWAY", SECRET), 14, StatusCode.ERROR),
        (RuntimeError(SECRET), 13, StatusCode.ERROR),
    ],
)
async def test_how_a_call_failed_is_told_without_a_text(
    tmp_path: Path, error: Exception, code: int, of_the_server: StatusCode
) -> None:
    with remembered() as spans:
        async with served(tmp_path, INVENTORY, probe := Probe()) as peer:
            probe.error = error
            with pytest.raises((Refused, Unanswered)):
                await release(peer)
        found = spans.get_finished_spans()
    assert [dict(span.attributes or {})["rpc.grpc.status_code"] for span in found] == [code, code]
    assert [span.status.status_code for span in found] == [of_the_server, StatusCode.ERROR]
    assert all(SECRET not in span.to_json() and not span.events for span in found)


async def test_a_call_that_its_caller_gives_up_is_cancelled(tmp_path: Path) -> None:
    with remembered() as spans:
        async with served(tmp_path, INVENTORY, probe := Probe()) as peer:
            stub = inventory_service_pb2_grpc.InventoryServiceStub(peer.channel)
            call = asyncio.ensure_future(
                peer.call(stub.CommitStock, pb.CommitStockRequest(request_id=ORDER_ID, order_id=ORDER_ID))
            )
            await probe.heard.wait()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            async with asyncio.timeout(10):
                while len(spans.get_finished_spans()) < 2:  # noqa: ASYNC110 - the server hears of it later
                    await asyncio.sleep(0.01)
        found = {span.kind: span for span in spans.get_finished_spans()}
    assert dict(found[SpanKind.SERVER].attributes or {})["rpc.grpc.status_code"] == 1
    assert SpanKind.CLIENT in found


async def test_the_span_of_a_stream_ends_with_it(tmp_path: Path) -> None:
    with remembered() as spans:
        async with served(tmp_path, ORDERS, Watched()) as peer:
            watch = orders_service_pb2_grpc.OrdersServiceStub(peer.channel).WatchOrder(
                orders_service_pb2.WatchOrderRequest(order_id=ORDER_ID)
            )
            with pytest.raises(grpc.aio.AioRpcError):
                await asyncio.wait_for(_read(watch), 10)
        (server,) = spans.get_finished_spans()
    # without a verifier of tokens it is refused before it begins
    assert server.name == f"{ORDERS}/WatchOrder"
    assert dict(server.attributes or {})["rpc.grpc.status_code"] != 0


async def _read(stream: Any) -> None:
    async for _ in stream:
        pass


async def test_what_its_beginner_does_not_want_recorded_is_passed_on_and_not_told(tmp_path: Path) -> None:
    with remembered() as spans:
        async with served(tmp_path, INVENTORY, probe := Probe()) as peer:
            telemetry.accept({"traceparent": f"00-{TRACE}-{PARENT}-00"})
            await release(peer)
            telemetry.begin()  # work that nobody asked for
            await release(peer)
        assert spans.get_finished_spans() == ()
    assert probe.traceparent.endswith("-00")


class Taken(Publisher):
    """Keeps the headers of what it is to send."""

    headers: dict[str, str]

    async def send(self, topic: str, key: Any, value: Any, with_headers: list[tuple[str, bytes]]) -> None:
        self.headers = {name: raw.decode() for name, raw in with_headers}


def event(**changes: Any) -> Event:
    made = event_of(OrderConfirmed(order_id=ORDER_ID), uuid.UUID(int=1))
    return Event(**{**made.__dict__, "traceparent": f"00-{TRACE}-{PARENT}-01", **changes})


async def test_an_event_is_sent_in_the_trace_that_it_was_written_in() -> None:
    with remembered() as spans:
        publisher = Taken("127.0.0.1:1", "bench")
        await publisher.publish(event())
        (producer,) = spans.get_finished_spans()
    assert (producer.kind, producer.name) == (SpanKind.PRODUCER, "send ordermesh.orders.v1")
    assert (ids(producer)[0], ids(producer)[2]) == (TRACE, PARENT)
    assert publisher.headers["traceparent"] == f"00-{TRACE}-{ids(producer)[1]}-01"


async def test_a_consumer_goes_on_with_the_trace_of_the_event() -> None:
    seen: list[str] = []

    async def handle(found: Event, _: Any) -> None:
        seen.append(telemetry.traceparent())
        raise AlreadyApplied

    reactions = [Reaction(OrderConfirmed, handle)]
    dispatcher = Dispatcher(
        Subscription("bench", ["ordermesh.orders.v1"], reactions), cast("DeadLetters", None)
    )
    with remembered() as spans:
        await dispatcher.apply(record_of(event()))
        (consumer,) = spans.get_finished_spans()
        assert telemetry.trace_id() == TRACE  # for what is logged of it
    assert (consumer.kind, ids(consumer)[0], ids(consumer)[2]) == (SpanKind.CONSUMER, TRACE, PARENT)
    assert seen == [f"00-{TRACE}-{ids(consumer)[1]}-01"]
    assert consumer.status.status_code is StatusCode.UNSET  # one that was heard before is no error


async def test_spans_reach_a_collector_before_the_process_ends() -> None:
    async with collector() as heard:
        spans = sent_to(heard.address, "bench")
        with spans.calling("inventory", "/a.B/C") as span:
            trace_id = f"{span.get_span_context().trace_id:032x}"
        await asyncio.to_thread(spans.close)
        (told,) = await heard.of(trace_id, 1)
    assert (told.service, told.span.name) == ("bench", "a.B/C")


def test_a_collector_that_is_away_is_logged_once_and_holds_nobody_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spans = sent_to("127.0.0.1:1", "bench")
    exporter = spans._exporter
    assert isinstance(exporter, Exporter)
    with as_a_service_logs("bench"), spans.calling("inventory", "/a.B/C") as span:
        for _ in range(2):
            exporter.export([cast("ReadableSpan", span)])
    logged = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert logged == ["spans_do_not_arrive"]
    spans.close()


def test_a_process_makes_spans_only_while_it_runs_and_only_if_it_is_told_where_they_go() -> None:
    with run._spans("bench", ""):
        assert telemetry.spans() is None
    with run._spans("bench", "127.0.0.1:1"):
        assert telemetry.spans() is not None
    assert telemetry.spans() is None


def test_without_a_collector_nothing_of_the_sdk_is_imported() -> None:
    code = """
import sys, kit.run, kit.eventing, kit.temporal
from kit import run
with run._spans("bench", ""):
    pass
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == "[]"
