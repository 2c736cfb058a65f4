"""What a set of protos says, by full name: messages, enums and RPCs with their comments and options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

T = TypeVar("T")
Path = tuple[int, ...]
MESSAGES, ENUMS, SERVICES = 4, 5, 6
"""Field numbers of FileDescriptorProto; a comment is found by a path of such numbers and indices."""
INNER = 2
"""The field number of a message's fields, an enum's values and a service's methods alike."""


@dataclass(frozen=True)
class Described(Generic[T]):
    """Something that is declared in a proto, and the comments on it and on what it holds."""

    name: str
    what: T
    comment: str
    inner: Sequence[str] = ()


@dataclass(frozen=True)
class Rpc:
    """An RPC with its way in by HTTP."""

    service: str
    method: MethodDescriptorProto
    comment: str
    verb: str
    path: str
    has_body: bool


@dataclass
class Protos:
    """All declarations of a set with source information."""

    messages: dict[str, Described[DescriptorProto]] = field(default_factory=dict)
    enums: dict[str, Described[EnumDescriptorProto]] = field(default_factory=dict)
    services: dict[str, Described[ServiceDescriptorProto]] = field(default_factory=dict)

    @classmethod
    def of(cls, files: FileDescriptorSet) -> Protos:
        """Read a set."""
        found = cls()
        for file in files.file:
            found._add(file)
        return found

    def rpcs(self) -> Iterator[Rpc]:
        """Those that are annotated with google.api.http, in the order of the files."""
        for service in self.services.values():
            for method, comment in zip(service.what.method, service.inner, strict=True):
                rule = method.options.Extensions[annotations_pb2.http]
                if verb := rule.WhichOneof("pattern"):
                    path = getattr(rule, verb)
                    yield Rpc(service.name, method, comment, verb, path, rule.body == "*")

    def _add(self, file: FileDescriptorProto) -> None:
        comments = {tuple(each.path): _text(each.leading_comments) for each in file.source_code_info.location}

        def told(kind: int, index: int, count: int) -> tuple[str, list[str]]:
            own: Path = (kind, index)
            return comments.get(own, ""), [comments.get((*own, INNER, i), "") for i in range(count)]

        for i, message in enumerate(file.message_type):
            name = f"{file.package}.{message.name}"
            self.messages[name] = Described(name, message, *told(MESSAGES, i, len(message.field)))
        for i, enum in enumerate(file.enum_type):
            name = f"{file.package}.{enum.name}"
            self.enums[name] = Described(name, enum, *told(ENUMS, i, len(enum.value)))
        for i, service in enumerate(file.service):
            name = f"{file.package}.{service.name}"
            self.services[name] = Described(name, service, *told(SERVICES, i, len(service.method)))


def commented(message: Described[DescriptorProto]) -> Iterator[tuple[FieldDescriptorProto, str]]:
    """The fields of a message, each with its comment."""
    return zip(message.what.field, message.inner, strict=True)


def _text(comment: str) -> str:
    return " ".join(comment.split())
