"""Typed changes of envoy/mesh.yaml: text in, text out; a valid policy comes out, with its comments.

All raise PolicyError: for a file that is wrong before, or would be after; then its lines are those of the
changed text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from mesh.methods import BY_WORKLOAD, IDENTITIES, SERVERS, open_to
from mesh.policy_lines import Lines, written
from mesh.policy_nodes import List, Map, Mistake, PolicyError, Word
from mesh.policy_reading import parse
from mesh.policy_values import ALL, nearest


@dataclass(frozen=True)
class NewFault:
    """A fault to write, in the words of the file. Without methods it is for all."""

    to: str
    percentage: str = "100"
    delay: str | None = None
    abort: str | None = None
    source: str | None = None
    methods: tuple[str, ...] = ()

    def line(self) -> str:
        """As an item of `faults`."""
        parts = {
            "to": self.to,
            "from": self.source,
            "methods": self.methods,
            "delay": self.delay,
            "abort": self.abort,
            "percentage": self.percentage,
        }
        return f"- {_map({key: value for key, value in parts.items() if value})}"

    def covers(self, item: Map) -> bool:
        """Whether that fault, of the same calls, would do nothing any more beside this one."""
        scope = (_word(item, "to"), _word(item, "from"), set(_names(item)))
        return scope == (self.to, self.source, set(self.methods)) and all(
            getattr(self, kind) for kind in ("delay", "abort") if item.get(kind)
        )


def with_fault(text: str, fault: NewFault) -> str:
    """The fault stands first, so it is the one that counts; one that it covers goes."""
    lines = _valid(text)
    while old := next((item for item in _items(lines, "faults") if fault.covers(item)), None):
        lines.remove("faults", old.span)
    lines.insert("faults", fault.line())
    return _checked(lines)


def without_faults(text: str, to: str | None = None, source: str | None = None) -> str:
    """All faults go, or those of one callee, of one caller."""
    _known(to, SERVERS)
    _known(source, IDENTITIES)
    lines = _valid(text)

    def goes(item: Map) -> bool:
        return to in (None, _word(item, "to")) and source in (None, _word(item, "from"))

    while old := next(filter(goes, _items(lines, "faults")), None):
        lines.remove("faults", old.span)
    return _checked(lines)


def with_split(text: str, workload: str, weights: Mapping[str, int]) -> str:
    """The workload is split like this; without weights it is not split."""
    _known(workload, SERVERS)
    lines = _valid(text)
    split = _map({version: str(weight) for version, weight in weights.items()})
    section = lines.section("split")
    entries = section.entries if isinstance(section, Map) else ()
    old = next((entry for entry in entries if entry.key.value == workload), None)
    if old and weights and isinstance(old.value, Map) and old.value.in_brackets:
        lines.replace(old.value, split)
        return _checked(lines)
    place = None
    if old:
        place = old.key.span.line - 1 if len(entries) > 1 else None
        lines.remove("split", replace(old.key.span, last=old.value.span.last, end=old.value.span.end))
    if weights:
        lines.insert("split", f"{written(workload)}: {split}", after=place)
    return _checked(lines)


def with_allow(text: str, source: str, target: str, methods: Collection[str]) -> str:
    """The caller may call these methods too, beside what it may already; "*" is all that are open to it."""
    lines = _valid(text)
    item = _rule(lines, source, target)
    if item is None:
        named = '"*"' if ALL in methods else f"[{', '.join(map(written, methods))}]"
        line = f"- {{from: {written(source)}, to: {written(target)}, methods: {named}}}"
        kin = [rule.span.last for rule in _items(lines, "allow") if _word(rule, "from") == source]
        section = lines.section("allow")
        end = section.span.last if isinstance(section, List) and section.items else None
        lines.insert("allow", line, after=max(kin) if kin else end)
        return _checked(lines)
    present, may = item.get("methods"), _open(source, target)
    for name in methods if isinstance(present, Word) else ():
        if name not in (*may, ALL):
            text = f"{source} may never call `{name}` of {target}; {nearest(name, may)}"
            raise PolicyError([Mistake(item.span.line, text)])
    wanted = may if ALL in methods else methods
    for name in wanted if isinstance(present, List) else ():
        rule = _rule(lines, source, target)
        listed = rule.get("methods") if rule else None
        if isinstance(listed, List) and name not in _names(rule):
            lines.append_item(listed, written(name))
    return _checked(lines)


def without_allow(text: str, source: str, target: str, methods: Collection[str] = (ALL,)) -> str:
    """The caller may not call these methods any more; "*" is all of them."""
    _known(source, IDENTITIES)
    _known(target, SERVERS)
    for name in methods:
        _known(name, (*BY_WORKLOAD[target], ALL))
    lines = _valid(text)
    item = _rule(lines, source, target)
    if item is None:
        return text
    may = _names(item) or _open(source, target)
    stays = [] if ALL in methods else [name for name in may if name not in methods]
    present = item.get("methods")
    if not stays:
        lines.remove("allow", item.span)
    elif isinstance(present, List):
        _keep_only(lines, source, target, stays)
    elif present and len(stays) < len(may):
        lines.replace(present, f"[{', '.join(stays)}]")
    return _checked(lines)


def _keep_only(lines: Lines, source: str, target: str, names: Collection[str]) -> None:
    while True:
        rule = _rule(lines, source, target)
        listed = rule.get("methods") if rule else None
        words = listed.items if isinstance(listed, List) else ()
        index = next((i for i, w in enumerate(words) if isinstance(w, Word) and w.value not in names), None)
        if index is None or not isinstance(listed, List):
            return
        lines.remove_item(listed, index)


def _valid(text: str) -> Lines:
    parse(text)
    return Lines(text)


def _checked(lines: Lines) -> str:
    parse(lines.text)
    return lines.text


def _known(name: str | None, names: Iterable[str]) -> None:
    if name is not None and name not in set(names):
        raise PolicyError([Mistake(0, f"`{name}` is not known; {nearest(name, names)}")])


def _items(lines: Lines, section: str) -> list[Map]:
    node = lines.section(section)
    return [item for item in node.items if isinstance(item, Map)] if isinstance(node, List) else []


def _rule(lines: Lines, source: str, target: str) -> Map | None:
    pairs = ((rule, _word(rule, "from"), _word(rule, "to")) for rule in _items(lines, "allow"))
    return next((rule for rule, caller, callee in pairs if (caller, callee) == (source, target)), None)


def _open(source: str, target: str) -> list[str]:
    """The methods that "*" means."""
    return [
        name
        for name, method in BY_WORKLOAD[target].items()
        if open_to(source, method) and not method.is_health
    ]


def _word(item: Map, key: str) -> str | None:
    node = item.get(key)
    return node.value if isinstance(node, Word) else None


def _names(item: Map | None) -> list[str]:
    """The methods of an entry by name; none if it is for all."""
    node = item.get("methods") if item else None
    return [word.value for word in node.items if isinstance(word, Word)] if isinstance(node, List) else []


def _map(parts: Mapping[str, str | tuple[str, ...]]) -> str:
    """A map in braces."""
    texts = {
        key: written(value) if isinstance(value, str) else f"[{', '.join(map(written, value))}]"
        for key, value in parts.items()
    }
    return "{" + ", ".join(f"{written(key)}: {text}" for key, text in texts.items()) + "}"
