"""Reads single values of the policy: names, durations, numbers; says what is wrong and what would be right.

A reader that complains still gives a value of the right type: the policy is refused in the end, and the rest
of the file is looked at first, so that all mistakes are told at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TypeVar

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from mesh.methods import BY_WORKLOAD, IDENTITIES, SERVERS, Method
from mesh.policy_nodes import TEXT_TAG, Mistake, PolicyError, line_of, word

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_DURATION = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h)")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")
_PERCENT = re.compile(r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,4})?")
_VERSION = re.compile(r"[a-z][a-z0-9.-]{0,30}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?(:([0-9]{1,5}|\*))?")
ALL = "*"
E = TypeVar("E", bound=Enum)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like this one, as advice; or all of them."""
    names = sorted(known)
    folded = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), list(folded), n=1)
    return f"did you mean `{folded[close[0]]}`?" if close else f"known: {', '.join(names) or 'none'}"


def known(name: str | None, names: Iterable[str | None]) -> None:
    """Raises PolicyError for a name that is none of these."""
    names = list(names)
    if name not in names:
        advice = nearest(str(name), filter(None, names))
        raise PolicyError([Mistake(0, f"`{name}` is not known; {advice}")])


def say(length: timedelta) -> str:
    """A duration as it is written in the file."""
    milliseconds = length // timedelta(milliseconds=1)
    unit = next(u for u in ("h", "m", "s", "ms") if milliseconds % _UNITS[u] == 0)
    return f"{milliseconds // _UNITS[unit]}{unit}"


@dataclass
class Values:
    """Reads values and collects the mistakes in them."""

    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, node: Node, text: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(line_of(node), text))

    def entries(
        self, node: Node, what: str, known: Collection[str] | None = None
    ) -> Iterator[tuple[ScalarNode, Node]]:
        """Keys and values of a map; those with a key that is not known, or stands twice, are left out."""
        if not isinstance(node, MappingNode):
            self.wrong(node, f"{what} is a map; write `key: value`, or {{}} for nothing")
            return
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.wrong(key, f"a key of {what} is a single word")
            elif key.value in seen:
                where = f"line {seen[key.value]} already; keep one of the two"
                self.wrong(key, f"`{key.value}` stands on {where}")
            elif known is not None and key.value not in known:
                self.wrong(key, f"unknown key `{key.value}` in {what}; {nearest(key.value, known)}")
            else:
                seen[key.value] = line_of(key)
                yield key, value

    def keys(
        self, node: Node, what: str, known: Collection[str], needed: Collection[str] = ()
    ) -> dict[str, Node]:
        """A map with fixed keys."""
        found = {key.value: value for key, value in self.entries(node, what, known)}
        missing = [key for key in needed if key not in found]
        # a key that is not known may be one of those that are missed
        if missing and isinstance(node, MappingNode) and len(found) == len(node.value):
            self.wrong(node, f"{what} lacks {' and '.join(f'`{key}`' for key in missing)}")
        return found

    def items(self, node: Node, what: str) -> Iterator[Node]:
        """The items of a list."""
        if isinstance(node, SequenceNode):
            yield from node.value
        else:
            self.wrong(node, f"{what} is a list; begin each entry with a dash, or write [] for nothing")

    def text(self, node: Node, what: str) -> str:
        """A word or a quoted text, as it is written."""
        found = word(node)
        if found is None:
            self.wrong(node, f"{what} is a single value")
        return found or ""

    def name(self, node: Node, what: str, known: Collection[str]) -> str | None:
        """One of the known names."""
        found = self.text(node, what)
        if found in known:
            return found
        if isinstance(node, ScalarNode):
            self.wrong(node, f"{what} `{found}` is not known; {nearest(found, known)}")
        return None

    def choice(self, node: Node, what: str, kinds: type[E]) -> E | None:
        """One of the values of an Enum."""
        name = self.name(node, what, [str(kind.value) for kind in kinds])
        return kinds(name) if name else None

    def identity(self, node: Node, what: str) -> str | None:
        """A workload that calls."""
        return self.name(node, what, IDENTITIES)

    def server(self, node: Node, what: str) -> str | None:
        """A workload that serves RPCs."""
        return self.name(node, what, SERVERS)

    def method(self, node: Node, workload: str) -> Method | None:
        """An RPC of this workload, by its name."""
        name = word(node)
        if name is None:
            self.wrong(node, "a method is the name of an RPC")
            return None
        ours: Mapping[str, Method] = {m.name: m for m in BY_WORKLOAD[workload].values() if not m.is_health}
        if found := ours.get(name):
            return found
        if name in BY_WORKLOAD[workload]:
            self.wrong(node, f"`{name}` is a health check, which everybody may ask; remove it")
            return None
        elsewhere = [other for other in SERVERS if name in BY_WORKLOAD[other]]
        advice = f"{' and '.join(elsewhere)} serves it" if elsewhere else nearest(name, ours)
        self.wrong(node, f"{workload} serves no `{name}`; {advice}")
        return None

    def methods(self, node: Node | None, workload: str) -> frozenset[Method] | None:
        """The RPCs that a list names; None for all of them: no list, or "*" instead of one."""
        if node is None or word(node) == ALL:
            return None
        found: set[Method] = set()
        for item in self.items(node, "`methods`"):
            if word(item) == ALL:
                self.wrong(item, 'all methods are written `methods: "*"`, without a list')
            elif method := self.method(item, workload):
                if method in found:
                    self.wrong(item, f"`{item.value}` stands in this list already; remove one")
                found.add(method)
        if isinstance(node, SequenceNode) and not node.value:
            self.wrong(node, 'no method is named; name some, write "*" for all, or remove the entry')
        return frozenset(found)

    def duration(self, node: Node, what: str, low: timedelta, high: timedelta) -> timedelta:
        """A whole number with its unit."""
        text = self.text(node, what)
        found = _DURATION.fullmatch(text)
        if not found and isinstance(node, ScalarNode):
            self.wrong(node, f"{what} is a time with a unit, such as 50ms, 2s, 5m or 1h, not `{text}`")
        if not found:
            return low
        length = timedelta(milliseconds=int(found[1]) * _UNITS[found[2]])
        if not low <= length <= high:
            self.wrong(node, f"{what} is from {say(low)} to {say(high)}, not {text}")
        return length

    def whole(self, node: Node, what: str, low: int, high: int) -> int:
        """A whole number."""
        text = self.text(node, what)
        if _WHOLE.fullmatch(text) and low <= int(text) <= high:
            return int(text)
        if isinstance(node, ScalarNode):
            self.wrong(node, f"{what} is a whole number from {low} to {high}, not `{text}`")
        return low

    def percentage(self, node: Node, what: str, zero: bool = False) -> float:
        """Above 0 or from it, up to 100, with at most four decimals: Envoy counts in millionths."""
        text = self.text(node, what)
        if _PERCENT.fullmatch(text) and (zero or float(text) > 0) and float(text) <= 100:
            return float(text)
        if isinstance(node, ScalarNode):
            low = "from 0" if zero else "above 0 and"
            self.wrong(node, f"{what} is a number {low} up to 100, such as 5 or 0.5, not `{text}`")
        return 100.0

    def version(self, node: Node, what: str) -> str:
        """The name of a version; it begins with a letter, since YAML makes the number 1.1 of `1.10`."""
        text = self.text(node, what)
        if not _VERSION.fullmatch(text) and isinstance(node, ScalarNode):
            self.wrong(
                node, f"{what} is a letter and then letters, digits, `.` or `-`, such as v2, not `{text}`"
            )
        return text

    def header_value(self, node: Node, what: str) -> str:
        """A text that every reader of YAML takes for one: `1` and `yes` need quotes."""
        text = self.text(node, what)
        plain = isinstance(node, ScalarNode) and node.style is None
        if plain and node.tag != TEXT_TAG:
            self.wrong(node, f'`{text}` is no text to YAML; write "{text}" with quotes')
        elif isinstance(node, ScalarNode) and not _HEADER_VALUE.fullmatch(text):
            self.wrong(node, f"{what} is one line of letters, digits and signs")
        return text

    def origin(self, node: Node, what: str) -> str:
        """Where a page comes from, as browsers say it."""
        text = self.text(node, what)
        if not _ORIGIN.fullmatch(text) and isinstance(node, ScalarNode):
            right = "scheme and host and perhaps a port, such as https://shop.example or http://localhost:*"
            self.wrong(node, f"{what} is {right}, not `{text}`")
        return text
