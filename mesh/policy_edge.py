"""What the public entry lets in, and how much of it: `edge:` in envoy/mesh.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from yaml import Node

from mesh.methods import SERVERS, Method
from mesh.policy_nodes import line_of
from mesh.policy_values import Values

MOST_A_SECOND = 100_000
LIMIT = ("per_second", "burst")


@dataclass(frozen=True)
class Limit:
    """How many calls one client may make: on average, and at once after a pause."""

    per_second: int
    burst: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Limits:
    """Of one client: a method that has its own limit is not counted in the other one."""

    others: Limit | None = None
    methods: Mapping[Method, Limit] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """The origins of pages that may call from a browser, and the limits of every client."""

    origins: tuple[str, ...] = ("http://localhost:*",)  # `:*` is any port
    limits: Limits = Limits()


@dataclass(frozen=True)
class EdgeReader:
    """Reads the section with these values."""

    values: Values

    def read(self, node: Node | None) -> Edge:
        """What stands there, and defaults for the rest."""
        keys = self.values.keys(node, "`edge`", ("origins", "limits")) if node else {}
        origins = self._origins(keys["origins"]) if "origins" in keys else Edge().origins
        return Edge(origins, self._limits(keys["limits"]) if "limits" in keys else Limits())

    def _origins(self, node: Node) -> tuple[str, ...]:
        items = self.values.items(node, "`origins`")
        return tuple(self.values.origin(item, "an entry of `origins`") for item in items)

    def _limits(self, node: Node) -> Limits:
        keys = self.values.keys(node, "`limits`", ("default", *SERVERS))
        others = self._limit(keys["default"], "`limits.default`") if "default" in keys else None
        methods: dict[Method, Limit] = {}
        for workload in (name for name in SERVERS if name in keys):
            for key, value in self.values.entries(keys[workload], f"`limits.{workload}`"):
                if method := self.values.method(key, workload):
                    methods[method] = self._limit(value, f"`limits.{workload}.{method.name}`")
        return Limits(others, methods)

    def _limit(self, node: Node, where: str) -> Limit:
        keys = self.values.keys(node, where, LIMIT, LIMIT)
        found = {
            key: self.values.whole(keys[key], f"`{key}` of {where}", 1, MOST_A_SECOND)
            for key in LIMIT
            if key in keys
        }
        limit = Limit(found.get("per_second", 1), found.get("burst", MOST_A_SECOND), line_of(node))
        if limit.burst < limit.per_second:
            text = (
                f"`burst` of {where} is less than `per_second`; a client who waits a second may call so often"
            )
            self.values.wrong(keys["burst"], text)
        return limit
