"""The policy's file as YAML nodes, which know where they stand; and what may be wrong with it.

Scalars are taken as they are written (`off` is the word, and not false); what they mean is said by
`mesh.policy_values`. What lets a text mean something else than it shows is refused: anchors, aliases, tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

MAX_DEPTH = 8
TEXT_TAG = "tag:yaml.org,2002:str"
_UNSEEN = re.compile("\ufeff|[\x85\u2028\u2029]|\r(?!\n)")
"""Some readers end a line here, or a comment, and others do not."""


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


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """The next node, if it means what it shows."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in types-PyYAML
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise PolicyError(
                [Mistake(line, "`&` and `*` are not taken; write the value itself, or quote it")]
            )
        if getattr(event, "tag", None):
            raise PolicyError([Mistake(line, f"`{event.tag}` is not taken; quote it, or remove the tag")])
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise PolicyError([Mistake(line, f"nested more than {MAX_DEPTH} deep; nothing in the policy is")])
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


@lru_cache(maxsize=8)  # an edit and its caller read the same text several times; it takes some milliseconds
def read(text: str) -> MappingNode:
    """The file as a map of sections. Raises PolicyError if its form is broken."""
    if found := _UNSEEN.search(text):
        sign = f"the character U+{ord(found[0]):04X} is not taken; end lines with a line feed only"
        raise PolicyError([Mistake(text.count("\n", 0, found.start()) + 1, sign)])
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise PolicyError([_broken(error)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise PolicyError([Mistake(line, f"the character U+{error.character:04X} is not taken")]) from None
    if node is None:
        raise PolicyError([Mistake(1, "the file is empty; it needs at least `allow:` and `traffic:`")])
    if not isinstance(node, MappingNode):
        raise PolicyError([Mistake(line_of(node), "the file is a map of sections, such as `allow:`")])
    return node


def line_of(node: Node) -> int:
    """The line on which it begins, from 1."""
    return int(node.start_mark.line) + 1


def entries_of(node: Node | None) -> list[tuple[Node, Node]]:
    """Keys and values of a map; nothing of what is no map."""
    return list(node.value) if isinstance(node, MappingNode) else []


def items_of(node: Node | None) -> list[Node]:
    """The items of a list; nothing of what is no list."""
    return list(node.value) if isinstance(node, SequenceNode) else []


def get(node: Node | None, *path: str | int) -> Node | None:
    """What stands under these keys, or places in a list, one below the other."""
    for key in path:
        below = dict(enumerate(items_of(node)))
        named = {word(name): value for name, value in entries_of(node)}
        node = below.get(key) if isinstance(key, int) else named.get(key)
    return node


def word(node: Node | None) -> str | None:
    """The text of a single value; None for anything else."""
    return str(node.value) if isinstance(node, ScalarNode) else None


def _broken(error: yaml.MarkedYAMLError) -> Mistake:
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    line = mark.line + 1 if mark else 0
    text = ", ".join(filter(None, (error.problem, error.context)))
    if opened and opened.line + 1 != line:
        text += f" that begins on line {opened.line + 1}"
    return Mistake(line, f"no YAML: {text}; look at the indentation, and quote a text with signs in it")
