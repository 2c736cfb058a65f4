"""Spans of a test: kept in memory, or told to a collector that a test serves itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kit import telemetry
from kit.spans import Spans


@contextmanager
def remembered(service: str = "bench") -> Iterator[InMemorySpanExporter]:
    """Make spans for the length of a block; what is built in it makes them."""
    exporter = InMemorySpanExporter()
    spans = Spans(service, SimpleSpanProcessor(exporter), exporter)
    telemetry.record(spans)
    try:
        yield exporter
    finally:
        telemetry.record(None)
        spans.close()


@dataclass(frozen=True)
class Told:
    """One span as the collector was told it: by whom, and what."""

    service: str
    span: OtlpSpan

    @property
    def trace_id(self) -> str:
        """As 32 hex digits."""
        return self.span.trace_id.hex()


@dataclass
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP server that keeps what it is told."""

    told: list[Told] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    address: str = ""

    async def Export(self, request: pb.ExportTraceServiceRequest, context: Any) -> Any:  # noqa: N802
        """Keep a batch."""
        for resource in request.resource_spans:
            names = {found.key: found.value.string_value for found in resource.resource.attributes}
            self.told += [
                Told(names.get("service.name", ""), span)
                for scope in resource.scope_spans
                for span in scope.spans
            ]
        self.news.set()
        return pb.ExportTraceServiceResponse()

    async def of(self, trace_id: str, count: int, seconds: float = 20.0) -> list[Told]:
        """So many spans of this trace, as soon as they are there."""
        async with asyncio.timeout(seconds):
            while len(found := [told for told in self.told if told.trace_id == trace_id]) < count:
                self.news.clear()
                await self.news.wait()
        return found


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector on a port of its own, for the length of a block."""
    found = Collector()
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(found, server)  # type: ignore[no-untyped-call]
    found.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield found
    finally:
        await server.stop(0)
