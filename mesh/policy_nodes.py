"""What the policy's file consists of: nodes that know where they stand; and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing that is wrong with the file, where, and what to change. Line 0 is the file as a whole."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class PolicyError(Exception):
    """The policy is refused; all its mistakes, by line."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(map(str, self.mistakes)))


@dataclass(frozen=True)
class Span:
    """From a place up to another; lines count from 1, columns from 0, the end is not included."""

    line: int
    column: int
    last: int
    end: int


@dataclass(frozen=True)
class Word:
    """A word, a number or a quoted text. One that is no text to YAML is `broken`, and already told of."""

    span: Span
    value: str
    quoted: bool = False
    broken: bool = False


@dataclass(frozen=True)
class Entry:
    """One `key: value`."""

    key: Word
    value: Node


@dataclass(frozen=True)
class Map:
    """A map; no key stands twice."""

    span: Span
    entries: tuple[Entry, ...]
    in_brackets: bool

    def get(self, key: str) -> Node | None:
        """The value of a key, if it is there."""
        return next((entry.value for entry in self.entries if entry.key.value == key), None)


@dataclass(frozen=True)
class List:
    """A list."""

    span: Span
    items: tuple[Node, ...]
    in_brackets: bool


Node = Word | Map | List
