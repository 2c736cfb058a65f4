"""Every method of every service, as the protos describe them, and how to call one with any bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

from ops import reflection
from ops.client import Metadata
from ops.event_parts import PART_HEADER
from ordermesh.access.v1 import access_pb2

SECONDS = 10.0
NO_SIDE_EFFECTS = 1  # MethodOptions.IdempotencyLevel
ONE_OF_MANY = {"ordermesh.events.v1.EventsService": "inventory"}
"""Services that several parts serve by the same code, and the part that is asked."""


@dataclass(frozen=True)
class Method:
    """One method: the part that serves it, its path on the wire, what it takes and who may call it."""

    part: str
    path: str
    request: type[Message]
    access: int
    mutates: bool
    streams: bool

    @property
    def name(self) -> str:
        """Short and unique, for the name of a test."""
        return f"{self.part}.{self.path.rsplit('/', 1)[-1]}"

    @property
    def fields(self) -> Sequence[Any]:
        """The fields of the request, as FieldDescriptors."""
        return self.request.DESCRIPTOR.fields

    def call(self, channel: grpc.Channel, data: bytes, metadata: Metadata | None = None) -> list[bytes]:
        """Call with these bytes; the answers' bytes. It names the part: several may serve it."""
        metadata = (*(metadata or ()), (PART_HEADER, self.part))
        if self.streams:
            stream: Any = channel.unary_stream(self.path)
            return list(stream(data, metadata=metadata, timeout=SECONDS))
        unary: Any = channel.unary_unary(self.path)
        return [unary(data, metadata=metadata, timeout=SECONDS)]


def _methods() -> Iterator[Method]:
    for service in map(descriptor_pool.Default().FindServiceByName, sorted(set(reflection.all_services()))):
        for found in service.methods:
            options = found.GetOptions()
            yield Method(
                part=ONE_OF_MANY.get(service.full_name, service.full_name.split(".")[1]),
                path=f"/{service.full_name}/{found.name}",
                request=message_factory.GetMessageClass(found.input_type),
                access=options.Extensions[access_pb2.access],
                mutates=options.idempotency_level != NO_SIDE_EFFECTS,
                streams=found.server_streaming,
            )


METHODS = list(_methods())
PARTS = sorted({method.part for method in METHODS})


def with_access(*accesses: int) -> list[Method]:
    """The methods that want one of these from their caller."""
    return [method for method in METHODS if method.access in accesses]
