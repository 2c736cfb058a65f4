"""Reads what sends calls elsewhere or makes them fail: `split`, `routes`, `mirror` and `faults`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import grpc
from yaml import Node

from mesh.methods import BY_WORKLOAD, SERVERS, Method
from mesh.policy import Fault, HeaderRoute, Mirror
from mesh.policy_nodes import line_of
from mesh.policy_values import ALL, Values

CODES: Mapping[str, int] = {
    code.name: code.value[0] for code in grpc.StatusCode if code is not grpc.StatusCode.OK
}
"""What a call can be aborted with."""
_HEADER = re.compile(r"[a-z0-9-]{1,60}")
_LOW, _HIGH = timedelta(milliseconds=1), timedelta(minutes=1)


@dataclass
class ShapingReader:
    """Reads the sections with these values; a section that is not there is empty."""

    values: Values

    def split(self, node: Node | None) -> dict[str, dict[str, int]]:
        """`workload: {version: weight}`, weights in percent."""
        found: dict[str, dict[str, int]] = {}
        for key, value in self.values.entries(node, "`split`", SERVERS) if node else ():
            what = f"`split.{key.value}`"
            weights: dict[str, int] = {}
            for name, weight in self.values.entries(value, what):
                version = self.values.version(name, "a version")
                weights[version] = self.values.whole(weight, f"the weight of `{version}`", 0, 100)
            if (total := sum(weights.values())) != 100:
                self.values.wrong(key, f"the weights of {what} add up to {total}; they must to 100")
            found[key.value] = weights
        return found

    def routes(self, node: Node | None) -> Iterator[HeaderRoute]:
        """Calls with certain headers go to one version."""
        for item in self.values.items(node, "`routes`") if node else ():
            what = "an entry of `routes`"
            needed = ("to", "headers", "version")
            keys = self.values.keys(item, what, ("to", "from", "methods", "headers", "version"), needed)
            target = self._target(keys)
            if target and all(key in keys for key in needed):
                yield HeaderRoute(
                    target=target,
                    source=self._source(keys),
                    methods=self._methods(keys, target),
                    headers=self._headers(keys["headers"]),
                    version=self.values.version(keys["version"], "`version`"),
                    line=line_of(item),
                )

    def mirror(self, node: Node | None) -> dict[str, Mirror]:
        """`workload: {version, percentage, methods}`."""
        found: dict[str, Mirror] = {}
        for key, value in self.values.entries(node, "`mirror`", SERVERS) if node else ():
            target, what = key.value, f"`mirror.{key.value}`"
            needed = ("version", "percentage", "methods")
            keys = self.values.keys(value, what, needed, needed)
            if any(name not in keys for name in needed):
                continue
            found[target] = Mirror(
                target=target,
                version=self.values.version(keys["version"], "`version`"),
                percentage=self.values.percentage(keys["percentage"], "`percentage`"),
                methods=self._mirrored(keys["methods"], target),
                line=line_of(key),
            )
        return found

    def faults(self, node: Node | None) -> Iterator[Fault]:
        """Delays and refusals on purpose."""
        known = ("to", "from", "methods", "delay", "abort", "percentage")
        for item in self.values.items(node, "`faults`") if node else ():
            keys = self.values.keys(item, "an entry of `faults`", known, ("to", "percentage"))
            if keys and "delay" not in keys and "abort" not in keys:
                self.values.wrong(item, "a fault has `delay` or `abort` or both; it has none")
            target = self._target(keys)
            if not target or "percentage" not in keys:
                continue
            delay = self.values.duration(keys["delay"], "`delay`", _LOW, _HIGH) if "delay" in keys else None
            abort = self.values.name(keys["abort"], "`abort`", CODES) if "abort" in keys else None
            yield Fault(
                target=target,
                source=self._source(keys),
                methods=self._methods(keys, target),
                delay=delay,
                abort=CODES[abort] if abort else None,
                percentage=self.values.percentage(keys["percentage"], "`percentage`"),
                line=line_of(item),
            )

    def _target(self, keys: Mapping[str, Node]) -> str | None:
        return self.values.server(keys["to"], "`to`") if "to" in keys else None

    def _source(self, keys: Mapping[str, Node]) -> str | None:
        return self.values.identity(keys["from"], "`from`") if "from" in keys else None

    def _methods(self, keys: Mapping[str, Node], target: str) -> frozenset[Method]:
        """Those that are named, or all; never health, or a fault would take the instances away."""
        named = self.values.methods(keys.get("methods"), target)
        if named is not None:
            return named
        return frozenset(method for method in BY_WORKLOAD[target].values() if not method.is_health)

    def _mirrored(self, node: Node, target: str) -> frozenset[Method]:
        """ "*" is all that only read: a copy of a call may not do a thing twice."""
        named = self.values.methods(node, target)
        if named is None:
            reads = (m for m in BY_WORKLOAD[target].values() if m.only_reads and not m.streams)
            return frozenset(method for method in reads if not method.is_health)
        for method in named:
            if not method.repeatable or method.streams:
                why = "is a stream" if method.streams else "may not be repeated (no `idempotency_level`)"
                self.values.wrong(node, f"`{method.name}` {why}, so it cannot be mirrored; remove it")
        return named

    def _headers(self, node: Node) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for key, value in self.values.entries(node, "`headers`"):
            name = key.value
            if not _HEADER.fullmatch(name):
                self.values.wrong(key, f"the header `{name}` is not lower-case letters, digits and dashes")
            text = self.values.header_value(value, f"the value of `{name}`")
            found[name] = None if text == ALL else text
        if not found:
            self.values.wrong(node, "`headers` names none; such a rule would be a `split`")
        return found
