"""Changes of `allow`, who may call which methods of whom: text in, text out, as in `mesh.policy_edits`."""

from __future__ import annotations

from collections.abc import Collection

from yaml import Node, SequenceNode

from mesh.methods import BY_WORKLOAD, IDENTITIES, SERVERS, open_to
from mesh.policy_lines import Lines
from mesh.policy_nodes import Mistake, PolicyError, get, items_of, line_of, word
from mesh.policy_reading import parse
from mesh.policy_values import ALL, known, nearest


def with_allow(text: str, source: str, target: str, methods: Collection[str]) -> str:
    """The caller may call these methods too, beside what it may already; "*" is all that are open to it."""
    parse(text)
    lines = Lines(text)
    index = _rule(lines, source, target)
    if index is None:
        kin = [place for place, item in enumerate(_rules(lines)) if word(get(item, "from")) == source]
        entry = {"from": source, "to": target, "methods": ALL if ALL in methods else list(methods)}
        lines.add(("allow",), entry, kin[-1] + 1 if kin else None)
    else:
        _add(lines, index, methods, _open(source, target), f"{source} may never call")
    parse(lines.text)
    return lines.text


def without_allow(text: str, source: str, target: str, methods: Collection[str] = (ALL,)) -> str:
    """The caller may not call these methods any more; "*" is all of them."""
    known(source, IDENTITIES)
    known(target, SERVERS)
    for name in methods:
        known(name, (*BY_WORKLOAD[target], ALL))
    parse(text)
    lines = Lines(text)
    index = _rule(lines, source, target)
    if index is None:
        return text
    place = ("allow", index, "methods")
    named = [word(item) for item in items_of(lines.at(*place))]
    may = named or _open(source, target)
    stays = [] if ALL in methods else [name for name in may if name not in methods]
    if not stays:
        lines.remove(place[:2])
    elif named:
        for position in reversed(range(len(named))):
            if named[position] not in stays:
                lines.remove((*place, position))
    elif len(stays) < len(may):
        lines.set(place, [str(name) for name in stays])
    parse(lines.text)
    return lines.text


def _add(lines: Lines, index: int, methods: Collection[str], may: list[str], never: str) -> None:
    """More methods in a rule. One that says "*" has all of them, and only those that are open."""
    place = ("allow", index, "methods")
    present = lines.at(*place)
    listed = {word(item) for item in items_of(present)}
    for name in may if ALL in methods else methods:
        if isinstance(present, SequenceNode):
            if name not in listed:
                lines.add(place, name)
        elif present and name not in may:
            advice = f"{never} `{name}` of {word(lines.at('allow', index, 'to'))}; {nearest(name, may)}"
            raise PolicyError([Mistake(line_of(present), advice)])


def _rules(lines: Lines) -> list[Node]:
    return items_of(lines.at("allow"))


def _rule(lines: Lines, source: str, target: str) -> int | None:
    """The place of the rule for this caller and callee."""
    ends = [(word(get(item, "from")), word(get(item, "to"))) for item in _rules(lines)]
    return ends.index((source, target)) if (source, target) in ends else None


def _open(source: str, target: str) -> list[str]:
    """The methods that "*" means."""
    methods = BY_WORKLOAD[target].values()
    return [method.name for method in methods if open_to(source, method) and not method.is_health]
