"""The mesh's policy as the control plane uses it: who may call what, and how calls are made.

Plain, frozen and complete: every default is filled in, every name exists. `mesh.policy_reading` makes it
from envoy/mesh.yaml and refuses what is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from mesh.methods import IDENTITIES, METHODS, SERVERS, Method, served
from mesh.policy_edge import Edge

UNSENT = ("connect-failure", "refused-stream", "reset-before-request", "retriable-headers")
"""Envoy's names of failures before which the callee surely did nothing: any method may be tried again. The
last is an answer of the callee's proxy with `kit.channels.UNSENT_HEADER`: its application never got the call.
"""
UNANSWERED = ("unavailable", "reset")
"""Envoy's names of failures that decide nothing: only what may be repeated is tried again. Never
`deadline-exceeded`: nobody waits for the answer any more."""


class Balancing(Enum):
    """How one of several instances is chosen; Envoy's names."""

    ROUND_ROBIN = "round_robin"
    LEAST_REQUEST = "least_request"
    RANDOM = "random"


class RetryAfter(Enum):
    """The failures after which a call is tried again."""

    UNSENT = "unsent"  # only those before which the callee surely did nothing
    UNAVAILABLE = "unavailable"  # those too that decide nothing


@dataclass(frozen=True)
class Allow:
    """Who may call which methods of whom."""

    source: str
    target: str
    methods: frozenset[Method]
    line: int


@dataclass(frozen=True)
class MethodTraffic:
    """How calls to one method are made. A unary one has a timeout, a stream the two others."""

    method: Method
    timeout: timedelta | None
    idle_timeout: timedelta | None
    max_duration: timedelta | None
    attempts: int  # tries after the first
    after: RetryAfter = RetryAfter.UNSENT  # unavailable: of methods that are repeatable only

    @property
    def retry_on(self) -> tuple[str, ...]:
        """Envoy's names of the failures after which it is tried again; none without attempts."""
        if not self.attempts:
            return ()
        return UNSENT + UNANSWERED if self.after is RetryAfter.UNAVAILABLE else UNSENT


@dataclass(frozen=True)
class RetryBudget:
    """How many second tries there may be for a hundred first ones, both under way; and how many always."""

    percent: float
    min_concurrency: int


@dataclass(frozen=True)
class Breaker:
    """What one sidecar may have open to a workload; what is beyond is answered UNAVAILABLE at once."""

    connections: int
    pending: int
    requests: int


@dataclass(frozen=True)
class Outliers:
    """When an instance that fails gets no calls for a while."""

    consecutive_errors: int
    interval: timedelta
    ejection: timedelta
    max_ejected_percent: int


@dataclass(frozen=True)
class HealthCheck:
    """How instances are asked whether they are well."""

    interval: timedelta
    timeout: timedelta
    unhealthy_after: int
    healthy_after: int


@dataclass(frozen=True)
class Traffic:
    """How calls to one workload are made."""

    connect_timeout: timedelta
    balancing: Balancing
    budget: RetryBudget
    breaker: Breaker
    outliers: Outliers
    health_check: HealthCheck
    methods: Mapping[str, MethodTraffic]  # by RPC name, every one


@dataclass(frozen=True)
class HeaderRoute:
    """Calls with these headers go to one version, whatever the split says. The first that fits wins."""

    target: str
    source: str | None  # None: from anybody
    methods: frozenset[Method]
    headers: Mapping[str, str | None]  # None: present with any value
    version: str
    line: int


@dataclass(frozen=True)
class Mirror:
    """A share of the calls is also sent to a version, whose answers nobody sees."""

    target: str
    version: str
    percentage: float
    methods: frozenset[Method]
    line: int


@dataclass(frozen=True)
class Fault:
    """Calls that are delayed or refused on purpose, at the callee's inbound."""

    target: str
    source: str | None  # None: from anybody
    methods: frozenset[Method]
    delay: timedelta | None
    abort: int | None  # a gRPC status code
    percentage: float
    line: int


class AccessLogs(Enum):
    """Which calls a sidecar writes a line of: those that failed, all, or none."""

    ERRORS = "errors"
    ALL = "all"
    OFF = "off"


@dataclass(frozen=True)
class Telemetry:
    """What the sidecars tell of the calls."""

    access_logs: AccessLogs = AccessLogs.ERRORS
    traces: float = 100.0  # percentage of the traces that begin at a sidecar


@dataclass(frozen=True)
class Injected:
    """What is injected into the calls of one caller to one method."""

    delay: timedelta | None
    delay_percentage: float
    abort: int | None
    abort_percentage: float


@dataclass(frozen=True)
class Policy:
    """All of envoy/mesh.yaml."""

    allow: tuple[Allow, ...]
    traffic: Mapping[str, Traffic]  # every workload of SERVERS
    split: Mapping[str, Mapping[str, int]]  # workload → version → weight; absent: any version
    routes: tuple[HeaderRoute, ...]
    mirror: Mapping[str, Mirror]
    faults: tuple[Fault, ...]
    telemetry: Telemetry = Telemetry()
    edge: Edge = field(default_factory=Edge)

    def allowed(self, source: str, target: str, method: str) -> bool:
        """Whether this identity may call this RPC, by its name or its path. Unknown names may nothing."""
        found = served(target, method)
        if source not in IDENTITIES or found is None:
            return False
        return found.is_health or any(
            found in rule.methods for rule in self.allow if rule.source == source and rule.target == target
        )

    def callers(self, method: Method) -> frozenset[str]:
        """The identities that may call it."""
        return frozenset(name for name in IDENTITIES if self.allowed(name, method.workload, method.path))

    def callees(self, source: str) -> tuple[str, ...]:
        """The workloads of which it may call more than the health service."""
        return tuple(
            name
            for name in SERVERS
            if any(r.source == source and r.target == name and r.methods for r in self.allow)
        )

    def injected(self, source: str, method: Method) -> Injected | None:
        """What is injected into this caller's calls: the first delay and the first abort that fit."""
        fits = [fault for fault in self.faults if method in fault.methods and fault.source in (None, source)]
        delay = next((fault for fault in fits if fault.delay is not None), None)
        abort = next((fault for fault in fits if fault.abort is not None), None)
        if delay is None and abort is None:
            return None
        return Injected(
            delay=delay.delay if delay else None,
            delay_percentage=delay.percentage if delay else 0.0,
            abort=abort.abort if abort else None,
            abort_percentage=abort.percentage if abort else 0.0,
        )


@dataclass(frozen=True)
class Cell:
    """One cell of the authorisation matrix."""

    identity: str
    method: Method
    allowed: bool


def matrix(policy: Policy) -> Iterator[Cell]:
    """Every identity with every RPC of every workload, health included."""
    for identity in IDENTITIES:
        for method in METHODS:
            yield Cell(identity, method, policy.allowed(identity, method.workload, method.path))
