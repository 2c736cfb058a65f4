"""Spans of RPCs and events, for a process that is told where they go. Imported only then: it needs the SDK.

Attributes are those of OpenTelemetry's semantic conventions for gRPC and messaging. No content of a request,
no text of an exception and nobody's data is ever in one. Whether a trace is recorded is decided where it
began.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from kit import telemetry
from kit.events import Event
from kit.logs import log

EXPORT_SECONDS = 2.0
BATCH_MS = 1_000
CLOSE_SECONDS = 2.0

_OK, _CANCELLED, _UNKNOWN = (
    code.value[0] for code in (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)
)
_OURS = {
    code.value[0]
    for code in (
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    )
}
"""What is an error of the server; all others are its answers."""


class Exporter(SpanExporter):
    """Sends spans by OTLP. A collector that is away costs spans, and one line when it goes or returns."""

    def __init__(self, endpoint: str) -> None:
        # it would write a line for every batch that fails
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._endpoint = endpoint
        self._otlp = OTLPSpanExporter(endpoint, insecure=True, timeout=EXPORT_SECONDS)
        self._arrives = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, or lose it."""
        result = self._otlp.export(spans)
        arrives = result is SpanExportResult.SUCCESS
        if arrives is not self._arrives:
            event = "spans_arrive_again" if arrives else "spans_do_not_arrive"
            log().warning(event, endpoint=self._endpoint)
            self._arrives = arrives
        return result

    def shutdown(self) -> None:
        """End what is being sent."""
        self._otlp.shutdown()


def sent_to(endpoint: str, service: str) -> Spans:
    """Spans of this service, sent to an OTLP server at `host:port`."""
    exporter = Exporter(endpoint)
    return Spans(service, BatchSpanProcessor(exporter, schedule_delay_millis=BATCH_MS), exporter)


class Spans:
    """Makes the spans of one process."""

    def __init__(self, service: str, processor: SpanProcessor, exporter: SpanExporter) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(ALWAYS_ON),
            resource=Resource.create({SERVICE_NAME: service}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._exporter = exporter
        self._tracer = self._provider.get_tracer("ordermesh.kit")

    def around(self, method: str, behaviour: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The behaviour of a unary RPC with a SERVER span around it; `method` is its full name with dots."""

        async def serve(request: Any, context: Any) -> Any:
            with self._serving(method, context):
                return await behaviour(request, context)

        return serve

    def around_stream(
        self, method: str, behaviour: Callable[..., AsyncIterator[Any]]
    ) -> Callable[..., AsyncIterator[Any]]:
        """The same for one that answers a stream; the span ends with it."""

        async def serve(request: Any, context: Any) -> AsyncIterator[Any]:
            with self._serving(method, context):
                async for answer in behaviour(request, context):
                    yield answer

        return serve

    def calls(self, peer: str) -> Calls:
        """For a channel: a span around every call."""
        return Calls(self, peer)

    @contextmanager
    def calling(self, peer: str, path: str) -> Iterator[Span]:
        """A CLIENT span, current for the length of the block; `path` as it stands in the request."""
        service, _, name = path.strip("/").partition("/")
        attributes = {**_rpc(service, name), "server.address": peer}
        with self._current(f"{service}/{name}", SpanKind.CLIENT, attributes) as span:
            yield span

    @contextmanager
    def sending(self, event: Event) -> Iterator[Event]:
        """A PRODUCER span in the trace that the event was written in; the event goes on with the span's."""
        token = otel_context.attach(telemetry.context_of(event.traceparent))
        try:
            with self._current(f"send {event.topic}", SpanKind.PRODUCER, _messaging(event, "send")):
                yield replace(event, traceparent=telemetry.traceparent())
        finally:
            otel_context.detach(token)

    @contextmanager
    def processing(self, event: Event) -> Iterator[None]:
        """A CONSUMER span, behind the one that sent the event."""
        # not detached: what is logged of the record afterwards belongs to it too
        otel_context.attach(telemetry.context_of(event.traceparent))
        with self._current(f"process {event.topic}", SpanKind.CONSUMER, _messaging(event, "process")):
            yield

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Send what is left, at most so long."""
        last = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(seconds)
        if last.is_alive():
            self._exporter.shutdown()

    @contextmanager
    def _serving(self, method: str, context: Any) -> Iterator[None]:
        service, _, name = method.rpartition(".")
        headers = dict(context.invocation_metadata() or ())
        parent = telemetry.context_of(headers.get("traceparent", ""))
        span = self._tracer.start_span(f"{service}/{name}", parent, SpanKind.SERVER, _rpc(service, name))
        # not detached: the call has a task of its own, and a stream may be closed by another one
        otel_context.attach(trace.set_span_in_context(span, parent))
        code = _CANCELLED
        try:
            yield
            code = _OK
        except Exception:
            aborted = context.code()  # a number, unless the behaviour has said it
            code = aborted.value[0] if isinstance(aborted, grpc.StatusCode) else _UNKNOWN
            raise
        finally:
            ended(span, code, error=code in _OURS)
            span.end()

    @contextmanager
    def _current(self, name: str, kind: SpanKind, attributes: dict[str, str]) -> Iterator[Span]:
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise


def ended(span: Span, code: int, *, error: bool) -> None:
    """Note how an RPC ended."""
    span.set_attribute("rpc.grpc.status_code", code)
    if error:
        span.set_status(Status(StatusCode.ERROR))


class Calls(grpc.aio.UnaryUnaryClientInterceptor):
    """A CLIENT span around every unary call of a channel; the peer continues it."""

    def __init__(self, spans: Spans, peer: str) -> None:
        self._spans = spans
        self._peer = peer

    async def intercept_unary_unary(
        self, continuation: Callable[..., Awaitable[Any]], client_call_details: Any, request: Any
    ) -> Any:
        """Call with the span's own traceparent, and wait for the end."""
        path = client_call_details.method
        path = path.decode() if isinstance(path, bytes) else path
        with self._spans.calling(self._peer, path) as span:
            metadata = grpc.aio.Metadata(
                *((key, value) for key, value in client_call_details.metadata or () if key != "traceparent"),
                ("traceparent", telemetry.traceparent()),
            )
            call = await continuation(client_call_details._replace(metadata=metadata), request)
            try:
                code = (await call.code()).value[0]
            except asyncio.CancelledError:
                call.cancel()  # to wait for its code is not to be the call
                raise
            ended(span, code, error=code != _OK)
            return call


def _rpc(service: str, name: str) -> dict[str, str]:
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}


def _messaging(event: Event, operation: str) -> dict[str, str]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": event.topic,
        "messaging.message.id": str(event.event_id),
        "ordermesh.event.type": event.type,
    }
