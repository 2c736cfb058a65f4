"""Typed changes of envoy/mesh.yaml: text in, text out; a valid policy comes out, with its comments.

All raise PolicyError: for a file that is wrong before, or would be after; then its lines are those of the
changed text. What is so already changes nothing. `mesh.policy_writing` applies them to the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from yaml import Node

from mesh.methods import BY_WORKLOAD, IDENTITIES, SERVERS
from mesh.policy_grants import with_allow as with_allow
from mesh.policy_grants import without_allow as without_allow
from mesh.policy_lines import Lines, Quoted, Value, plain
from mesh.policy_nodes import entries_of, get, items_of, word
from mesh.policy_reading import parse
from mesh.policy_traffic import RETRIES, WORKLOAD
from mesh.policy_values import ALL, known

DEFAULTS = "defaults"
SETTINGS = frozenset({*WORKLOAD, *RETRIES})
"""What `traffic` says of a workload or a method, by its place there."""


@dataclass(frozen=True)
class NewFault:
    """A fault to write, in the words of the file. Without methods it is for all."""

    to: str
    percentage: str = "100"
    delay: str | None = None
    abort: str | None = None
    source: str | None = None
    methods: tuple[str, ...] = ()

    def entry(self) -> dict[str, Value]:
        """As an item of `faults`."""
        parts = {"delay": self.delay, "abort": self.abort, "percentage": self.percentage}
        return _scope(self.to, self.source, self.methods) | {key: text for key, text in parts.items() if text}

    def covers(self, item: Node) -> bool:
        """Whether that fault, of the same calls, would do nothing any more beside this one."""
        return _same_calls(item, self.to, self.source, self.methods) and all(
            getattr(self, kind) for kind in ("delay", "abort") if get(item, kind)
        )


@dataclass(frozen=True)
class NewRoute:
    """A header route to write. Without methods it is for all; the value "*" of a header is any."""

    to: str
    version: str
    headers: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    methods: tuple[str, ...] = ()

    def entry(self) -> dict[str, Value]:
        """As an item of `routes`."""
        headers = {name: Quoted(value) for name, value in self.headers.items()}  # `1` would be a number
        return {**_scope(self.to, self.source, self.methods), "headers": headers, "version": self.version}

    def covers(self, item: Node) -> bool:
        """Whether that route, of the same calls, would get none any more behind this one."""
        same = _same_calls(item, self.to, self.source, self.methods)
        headers = {word(name): word(value) for name, value in entries_of(get(item, "headers"))}
        return same and headers == self.headers


def with_fault(text: str, fault: NewFault) -> str:
    """The fault stands first, so it is the one that counts; one that it covers goes."""
    return _with_first(text, "faults", fault)


def without_faults(text: str, to: str | None = None, source: str | None = None) -> str:
    """All faults go, or those of one callee, of one caller."""
    return _without(text, "faults", to, source)


def with_route(text: str, route: NewRoute) -> str:
    """The route stands first, so it is the one that counts; one that it covers goes."""
    return _with_first(text, "routes", route)


def without_routes(text: str, to: str | None = None, source: str | None = None) -> str:
    """All header routes go, or those of one callee, of one caller."""
    return _without(text, "routes", to, source)


def with_split(text: str, workload: str, weights: Mapping[str, int]) -> str:
    """The workload is split like this; without weights it is not split."""
    return _with_shape(text, "split", workload, {name: str(weight) for name, weight in weights.items()})


def without_split(text: str, workload: str | None = None) -> str:
    """No workload is split any more, or this one."""
    return _without_shape(text, "split", workload)


def with_mirror(
    text: str, workload: str, version: str, percentage: str = "100", methods: Iterable[str] = (ALL,)
) -> str:
    """A share of the workload's calls is also sent to the version; "*" is every method that only reads."""
    named = list(methods)
    entry = {"version": version, "percentage": percentage, "methods": ALL if named == [ALL] else named}
    return _with_shape(text, "mirror", workload, entry)


def without_mirror(text: str, workload: str | None = None) -> str:
    """No workload is mirrored any more, or not this one."""
    return _without_shape(text, "mirror", workload)


def with_access_logs(text: str, kind: str) -> str:
    """Sidecars log calls like this: errors, all or off."""
    return _changed(text, lambda lines: lines.set(("telemetry", "access_logs"), kind))


def with_traces(text: str, percentage: str) -> str:
    """Sidecars keep this share of the traces that begin at them."""
    return _changed(text, lambda lines: lines.set(("telemetry", "traces"), percentage))


def with_setting(
    text: str, setting: str, value: str | None, workload: str = DEFAULTS, method: str | None = None
) -> str:
    """One of SETTINGS, for a workload, for one of its methods or for all that say nothing else. None takes it
    away, so that what stands one step further up holds.
    """
    known(setting, SETTINGS)
    known(workload, (DEFAULTS, *SERVERS))
    if method:
        known(method, BY_WORKLOAD.get(workload, ()))
    path = ("traffic", workload, *(("methods", method) if method else ()), *setting.split("."))
    if value is None:
        return _changed(text, lambda lines: lines.remove(path, keep=2))
    return _changed(text, lambda lines: lines.set(path, value))


def with_attempts(text: str, attempts: int, workload: str = DEFAULTS, method: str | None = None) -> str:
    """So many tries after the first; 0 is none."""
    return with_setting(text, "retries.attempts", str(attempts), workload, method)


def with_timeout(text: str, timeout: str, workload: str = DEFAULTS, method: str | None = None) -> str:
    """Calls may take so long, tries included."""
    return with_setting(text, "timeout", timeout, workload, method)


def _changed(text: str, change: Callable[[Lines], None]) -> str:
    parse(text)
    lines = Lines(text)
    change(lines)
    parse(lines.text)
    return lines.text


def _scope(to: str, source: str | None, methods: tuple[str, ...]) -> dict[str, Value]:
    """The calls that an entry is about."""
    found: dict[str, Value] = {"to": to}
    if source:
        found["from"] = source
    if methods:
        found["methods"] = list(methods)
    return found


def _same_calls(item: Node, to: str, source: str | None, methods: tuple[str, ...]) -> bool:
    named = {word(node) for node in items_of(get(item, "methods"))}
    return (word(get(item, "to")), word(get(item, "from")), named) == (to, source, set(methods))


def _with_first(text: str, section: str, new: NewFault | NewRoute) -> str:
    def change(lines: Lines) -> None:
        first = lines.at(section, 0)
        if first is not None and plain(first) == new.entry():
            return
        _remove_items(lines, section, new.covers)
        lines.add((section,), new.entry(), 0)

    return _changed(text, change)


def _without(text: str, section: str, to: str | None, source: str | None) -> str:
    known(to, (*SERVERS, None))
    known(source, (*IDENTITIES, None))

    def goes(item: Node) -> bool:
        return to in (None, word(get(item, "to"))) and source in (None, word(get(item, "from")))

    return _changed(text, lambda lines: _remove_items(lines, section, goes))


def _remove_items(lines: Lines, section: str, goes: Callable[[Node], bool]) -> None:
    for index, item in reversed(list(enumerate(items_of(lines.at(section))))):
        if goes(item):
            lines.remove((section, index))


def _with_shape(text: str, section: str, workload: str, value: Mapping[str, Value]) -> str:
    known(workload, SERVERS)
    if not value:
        return _without_shape(text, section, workload)
    return _changed(text, lambda lines: lines.set((section, workload), value))


def _without_shape(text: str, section: str, workload: str | None) -> str:
    known(workload, (*SERVERS, None))

    def change(lines: Lines) -> None:
        for name in SERVERS if workload is None else (workload,):
            lines.remove((section, name))

    return _changed(text, change)
