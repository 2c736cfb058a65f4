"""Reads `traffic:`: the defaults, what differs for a workload, and what differs for a method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from yaml import Node, ScalarNode

from mesh.methods import BY_WORKLOAD, SERVERS, Method
from mesh.policy import (
    Balancing,
    Breaker,
    HealthCheck,
    MethodTraffic,
    Outliers,
    RetryAfter,
    RetryBudget,
    Traffic,
)
from mesh.policy_nodes import get
from mesh.policy_values import Values

Read = Callable[[Values, Node, str], Any]
Settings = Mapping[str, Any]
"""Values by their place in a section, such as `retries.attempts`."""


def _between(low: timedelta, high: timedelta) -> Read:
    return lambda values, node, what: values.duration(node, what, low, high)


def _count(low: int, high: int) -> Read:
    return lambda values, node, what: values.whole(node, what, low, high)


def _balancing(values: Values, node: Node, what: str) -> Balancing:
    return values.choice(node, what, Balancing) or Balancing.ROUND_ROBIN


_MS, _SECOND, _MINUTE = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(minutes=1)
_DAY = timedelta(days=1)
UNARY: Mapping[str, Read] = {"timeout": _between(10 * _MS, 5 * _MINUTE)}
STREAM: Mapping[str, Read] = {
    "idle_timeout": _between(_SECOND, _DAY),
    "max_duration": _between(_SECOND, _DAY),
}
AFTER = "retries.after"
ATTEMPTS: Mapping[str, Read] = {"retries.attempts": _count(0, 5)}
RETRIES: Mapping[str, Read] = {
    **ATTEMPTS,
    AFTER: lambda values, node, what: values.choice(node, what, RetryAfter),
}
"""What a method may say of them; how often, a workload and the defaults too."""
WHOLE: Mapping[str, Read] = {
    "connect_timeout": _between(10 * _MS, 10 * _SECOND),
    "balancing": _balancing,
    "retries.budget_percent": lambda values, node, what: values.percentage(node, what),
    "retries.min_concurrency": _count(0, 100),
    "breaker.connections": _count(1, 100_000),
    "breaker.pending": _count(1, 100_000),
    "breaker.requests": _count(1, 100_000),
    "outliers.consecutive_errors": _count(1, 1_000),
    "outliers.interval": _between(100 * _MS, _MINUTE),
    "outliers.ejection": _between(100 * _MS, 10 * _MINUTE),
    "outliers.max_ejected_percent": _count(1, 100),
    "health_check.interval": _between(100 * _MS, _MINUTE),
    "health_check.timeout": _between(10 * _MS, _MINUTE),
    "health_check.unhealthy_after": _count(1, 100),
    "health_check.healthy_after": _count(1, 100),
}
"""What can be set for a workload as a whole only: Envoy keeps it for the cluster, not for a route."""
WORKLOAD: Mapping[str, Read] = {**UNARY, **STREAM, **ATTEMPTS, **WHOLE}
NO_UNARY = "it is a stream and may stay open; set `idle_timeout` and `max_duration`"
NO_STREAM = "it is no stream; set `timeout`"
NO_METHODS = "one value is for all methods of a workload; set it at the workload"
METHODS_KEY = "methods"


@dataclass
class TrafficReader:
    """Reads the section with these values."""

    values: Values
    methods: dict[Method, Settings] = field(default_factory=dict)

    def read(self, node: Node) -> dict[str, Traffic]:
        """The traffic of every workload; nothing if the defaults are not complete."""
        sections = self.values.keys(node, "`traffic`", ("defaults", *SERVERS), ("defaults",))
        defaults = self._section(sections.get("defaults"), "`traffic.defaults`", WORKLOAD)
        lacking = [place for place in WORKLOAD if place not in defaults]
        if lacking and "defaults" in sections:
            places = ", ".join(f"`{place}`" for place in lacking)
            self.values.wrong(
                sections["defaults"], f"`traffic.defaults` lacks {places}; a default has them all"
            )
        own = {name: self._workload(sections.get(name), name) for name in SERVERS}
        if lacking:
            return {}
        return {name: self._traffic(name, {**defaults, **own[name]}) for name in SERVERS}

    def _workload(self, node: Node | None, name: str) -> Settings:
        where = f"`traffic.{name}`"
        found = self._section(node, where, {**WORKLOAD, METHODS_KEY: lambda *_: None})
        listed = get(node, METHODS_KEY)
        if listed is not None:
            for key, value in self.values.entries(listed, f"`methods` of {where}"):
                if method := self.values.method(key, name):
                    self.methods[method] = self._method(method, value)
        return found

    def _method(self, method: Method, node: Node) -> Settings:
        where = f"`{method.name}`"
        if method.streams:
            known, refused = {**RETRIES, **STREAM}, dict.fromkeys(UNARY, NO_UNARY)
        else:
            known, refused = {**RETRIES, **UNARY}, dict.fromkeys(STREAM, NO_STREAM)
        found = self._section(node, where, known, refused | dict.fromkeys(WHOLE, NO_METHODS))
        asked = found.get("retries.attempts", 0) > 0 and found.get(AFTER) is not RetryAfter.UNSENT
        if not method.repeatable and (asked or found.get(AFTER) is RetryAfter.UNAVAILABLE):
            text = (
                f"{where} may not be repeated: its proto declares no `idempotency_level`. Remove `retries` "
                "or write `after: unsent` (then what was never sent is tried again), or declare the level"
            )
            self.values.wrong(get(node, "retries") or node, text)
        return found

    def _section(
        self,
        node: Node | None,
        where: str,
        known: Mapping[str, Read],
        refused: Mapping[str, str] | None = None,
    ) -> Settings:
        """The values that stand in a section, by place."""
        found: dict[str, Any] = {}
        refused = refused or {}
        for place, key, value in self._places(node, where, {*known, *refused}) if node else ():
            if place in refused:
                self.values.wrong(key, f"`{place}` in {where}: {refused[place]}")
            elif place in known:
                found[place] = known[place](self.values, value, f"`{place}`")
        return found

    def _places(self, node: Node, where: str, places: set[str]) -> Iterator[tuple[str, ScalarNode, Node]]:
        """The entries of a section and of the groups in it, each with its place."""
        for key, value in self.values.entries(node, where, {place.split(".")[0] for place in places}):
            group = key.value
            inner = {place.split(".")[1] for place in places if place.startswith(f"{group}.")}
            if not inner:
                yield group, key, value
                continue
            for name, below in self.values.entries(value, f"`{group}` of {where}", inner):
                yield f"{group}.{name.value}", name, below

    def _traffic(self, name: str, settings: Settings) -> Traffic:
        def group(prefix: str) -> dict[str, Any]:
            return {k.split(".")[1]: value for k, value in settings.items() if k.startswith(f"{prefix}.")}

        retries = group("retries")
        return Traffic(
            connect_timeout=settings["connect_timeout"],
            balancing=settings["balancing"],
            budget=RetryBudget(retries["budget_percent"], retries["min_concurrency"]),
            breaker=Breaker(**group("breaker")),
            outliers=Outliers(**group("outliers")),
            health_check=HealthCheck(**group("health_check")),
            methods={
                method.name: _method_traffic(method, {**settings, **self.methods.get(method, {})})
                for method in BY_WORKLOAD[name].values()
            },
        )


def _method_traffic(method: Method, settings: Settings) -> MethodTraffic:
    return MethodTraffic(
        method=method,
        timeout=None if method.streams else settings["timeout"],
        idle_timeout=settings["idle_timeout"] if method.streams else None,
        max_duration=settings["max_duration"] if method.streams else None,
        attempts=settings["retries.attempts"],
        after=settings.get(AFTER) or (RetryAfter.UNAVAILABLE if method.repeatable else RetryAfter.UNSENT),
    )
