"""What the protos say of every RPC: who serves it, to whom it is open, whether it may be repeated."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2

import ordermesh
from ordermesh.access.v1 import access_pb2


class Access(Enum):
    """What a caller must show, as `ordermesh.access.v1.access` declares it."""

    UNSPECIFIED = access_pb2.ACCESS_UNSPECIFIED
    ANYONE = access_pb2.ACCESS_ANYONE
    USER = access_pb2.ACCESS_USER
    OPERATOR = access_pb2.ACCESS_OPERATOR
    WORKLOAD = access_pb2.ACCESS_WORKLOAD


class Idempotency(Enum):
    """The proto's `idempotency_level`."""

    UNKNOWN = 0
    NO_SIDE_EFFECTS = 1
    IDEMPOTENT = 2


class Role(Enum):
    """What kind of caller an identity is; it bounds what the policy may allow it."""

    SERVICE = "a service or the worker"
    BFF = "a backend for a frontend"
    EDGE = "the public entry"
    OPERATOR = "the operator's entry"


IDENTITIES: Mapping[str, Role] = {
    "users": Role.SERVICE,
    "products": Role.SERVICE,
    "orders": Role.SERVICE,
    "inventory": Role.SERVICE,
    "payments": Role.SERVICE,
    "processor": Role.SERVICE,
    "notifications": Role.SERVICE,
    "analytics": Role.SERVICE,
    "shipping": Role.SERVICE,
    "worker": Role.SERVICE,
    "edge": Role.EDGE,
    "operator": Role.OPERATOR,
    "overview": Role.BFF,
    "bff-web": Role.BFF,
    "bff-mobile": Role.BFF,
    "bff-partner": Role.BFF,
}
"""Every workload that has an identity of its own, by name."""

PUBLIC = frozenset(
    {
        "ordermesh.users.v1.UsersService",
        "ordermesh.products.v1.ProductsService",
        "ordermesh.orders.v1.OrdersService",
        "ordermesh.shipping.v1.TrackingService",
        "ordermesh.overview.v1.OverviewService",
    }
)
"""The proto services of which the public entry lets anything through."""

PAGES: Mapping[str, str] = {"bff-web": "/web/", "bff-mobile": "/mobile/", "bff-partner": "/partner/"}
"""Workloads that speak HTTP and no gRPC, and the beginning of all their paths at the public entry."""
HTTP = "http"
"""Stands in the place of the proto service at these. They have two methods: `SERVE`, all that is below their
path, and a question for health.
"""
SERVE, HEALTH_PATH = "Serve", "/healthz"

OPERATORS_OWN = "ordermesh.mesh."
"""The control plane's API is served on a socket of its own, and is no part of the mesh that it controls."""
HEALTH = "grpc.health.v1.Health"
EVENTS = "ordermesh.events.v1.EventsService"
EVENT_PARTS: tuple[str, ...] = ("orders", "inventory", "payments", "notifications", "analytics", "shipping")
"""The workloads that serve `EVENTS`: all those with an outbox or a consumer."""


@dataclass(frozen=True, order=True)
class Method:
    """One RPC at one workload. `EVENTS` and `HEALTH` are served by several, so theirs exist once for each."""

    workload: str
    service: str
    name: str
    access: Access
    idempotency: Idempotency
    streams: bool

    @property
    def path(self) -> str:
        """As it stands in the request: `/ordermesh.orders.v1.OrdersService/GetOrder`. One that ends with a
        slash is the beginning of many.
        """
        if self.service == HTTP:
            return PAGES[self.workload] if self.name == SERVE else HEALTH_PATH
        return f"/{self.service}/{self.name}"

    @property
    def is_health(self) -> bool:
        """A health check, which everybody may ask everybody."""
        return self.service == HEALTH or (self.service == HTTP and self.name != SERVE)

    @property
    def only_reads(self) -> bool:
        """A call changes nothing."""
        return self.idempotency is Idempotency.NO_SIDE_EFFECTS

    @property
    def repeatable(self) -> bool:
        """A call that may have been carried out may be sent again."""
        return self.idempotency is not Idempotency.UNKNOWN


def open_to(identity: str, method: Method) -> bool:
    """Whether the protos leave it to the policy to allow this; a rule beyond it is refused."""
    if method.is_health:
        return True
    pages = method.service == HTTP
    if method.access is Access.UNSPECIFIED or (pages and IDENTITIES[identity] is not Role.EDGE):
        return False
    match IDENTITIES[identity]:
        case Role.OPERATOR:
            return True
        case Role.EDGE:
            return (pages or method.service in PUBLIC) and method.access in (Access.ANYONE, Access.USER)
        case Role.BFF:
            return method.access in (Access.ANYONE, Access.USER)
        case Role.SERVICE:  # it passes no user's token on
            return method.access in (Access.ANYONE, Access.WORKLOAD)


def _services() -> Iterator[str]:
    for root in map(Path, ordermesh.__path__):
        for path in sorted(root.rglob("*_service_pb2.py")):
            name = ".".join(path.relative_to(root.parent).with_suffix("").parts)
            yield from (
                found.full_name
                for found in importlib.import_module(name).DESCRIPTOR.services_by_name.values()
                if not found.full_name.startswith(OPERATORS_OWN)
            )


def _method(workload: str, found: MethodDescriptor) -> Method:
    options = found.GetOptions()
    service = found.containing_service.full_name
    health = service == HEALTH  # declares neither, and is not ours to declare
    return Method(
        workload=workload,
        service=service,
        name=found.name,
        access=Access.ANYONE if health else Access(options.Extensions[access_pb2.access]),
        idempotency=Idempotency.NO_SIDE_EFFECTS if health else Idempotency(options.idempotency_level),
        streams=found.client_streaming or found.server_streaming,
    )


def _pages(workload: str) -> Iterator[Method]:
    """What a workload that speaks HTTP serves. Nobody knows what a request does, and how long it takes."""
    yield Method(workload, HTTP, SERVE, Access.ANYONE, Idempotency.UNKNOWN, streams=True)
    yield Method(workload, HTTP, "Health", Access.ANYONE, Idempotency.NO_SIDE_EFFECTS, streams=False)


def _all() -> Iterator[Method]:
    for workload in PAGES:
        yield from _pages(workload)
    pool = descriptor_pool.Default()
    served = {
        name: EVENT_PARTS if name == EVENTS else (name.split(".")[1],) for name in sorted(set(_services()))
    }
    workloads = sorted({workload for parts in served.values() for workload in parts})
    served[health_pb2.DESCRIPTOR.services_by_name["Health"].full_name] = tuple(workloads)
    for service, parts in served.items():
        for found in pool.FindServiceByName(service).methods:
            yield from (_method(workload, found) for workload in parts)


METHODS: tuple[Method, ...] = tuple(sorted(_all(), key=lambda method: (method.workload, method.path)))
"""Every RPC of every workload, health included."""
SERVERS: tuple[str, ...] = tuple(dict.fromkeys(method.workload for method in METHODS))
"""The workloads that serve RPCs."""
BY_WORKLOAD: Mapping[str, Mapping[str, Method]] = {
    workload: {method.name: method for method in METHODS if method.workload == workload}
    for workload in SERVERS
}
"""The RPCs of each workload by name; no name stands for two of them."""


def served(workload: str, method: str) -> Method | None:
    """What a workload serves by this name or path."""
    found = BY_WORKLOAD.get(workload, {}).values()
    return next((one for one in found if method in (one.name, one.path)), None)
