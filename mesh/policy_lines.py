"""Changes single places of the policy's file, so that everything else in it, comments too, stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from yaml import CollectionNode, MappingNode, Node, SequenceNode

from mesh.policy_nodes import Mistake, PolicyError, entries_of, get, items_of, line_of, read, word

Value: TypeAlias = "str | Sequence[Value] | Mapping[str, Value]"
Path: TypeAlias = tuple[str | int, ...]
"""Keys of maps and places in lists, one below the other."""
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*|(0|[1-9][0-9]*)(\.[0-9]+)?(ms|s|m|h)?")
_NO_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What readers of YAML do not take for text, in any case of letters."""
_COMMENT = re.compile(r"(^|\s)#", re.MULTILINE)


def written(value: Value) -> str:
    """A value as it stands in the file, on one line; quoted, unless it cannot be misread."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{written(key)}: {written(below)}" for key, below in value.items()) + "}"
    if not isinstance(value, str):
        return f"[{', '.join(map(written, value))}]"
    if _BARE.fullmatch(value) and value.lower() not in _NO_TEXT and not isinstance(value, Quoted):
        return value
    if not value.isprintable():
        raise PolicyError([Mistake(0, f"{value!r} is more than one line of text; no value of the policy is")])
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def plain(node: Node) -> Value:
    """What a node says, without its place."""
    if isinstance(node, MappingNode):
        return {str(word(key)): plain(value) for key, value in entries_of(node)}
    return [plain(item) for item in items_of(node)] if isinstance(node, SequenceNode) else str(word(node))


class Quoted(str):
    """A text that stands in quotes whatever it is."""


class Lines:
    """A policy's text that is being changed. After each change its nodes are read anew."""

    def __init__(self, text: str) -> None:
        self._change(text)

    def at(self, *path: str | int) -> Node | None:
        """What stands at a place."""
        return get(self._document, *path)

    def set(self, path: Path, value: Value) -> None:
        """Write a value under a key, and the maps around it if they are not there."""
        node = self.at(*path)
        if node is None:
            depth = max(size for size in range(len(path)) if self.at(*path[:size]) is not None)
            if depth == 0 and len(path) > 1:
                self._insert((), f"{path[0]}: {{}}")
                depth = 1
            for key in reversed(path[depth + 1 :]):
                value = {str(key): value}
            self._insert(path[:depth], f"{written(str(path[depth]))}: {written(value)}")
        elif plain(node) != value:
            begin, space = (self._colon(path), " ") if _is_block(node) else (node.start_mark.index, "")
            self._replace(begin, _end(node), space + written(value))

    def add(self, path: Path, value: Value, index: int | None = None) -> None:
        """One more item of a list, at its end or at this place."""
        if self.at(*path) is None:
            self._insert(path[:-1], f"{path[-1]}: []")
        self._insert(path, written(value), index)

    def remove(self, path: Path, keep: int = 1) -> None:
        """Take away what stands at a place, if it is there. What is empty then goes too, except the `keep`
        upper ones: these stay as `{}` or `[]`.
        """
        node = self.at(*path)
        if node is None:
            return
        around = self._collection(path[:-1])
        parts = _parts(around)
        index = next(place for place, (_, value) in enumerate(parts) if value is node)
        begin, end = parts[index][0].start_mark.index, _end(node)
        if len(parts) == 1 and len(path) - 1 > keep:
            self.remove(path[:-1], keep)
        elif _is_block(around):
            self._remove_lines(path, around, begin, end)
        elif len(parts) == 1:
            self._replace(begin, around.end_mark.index - 1, "")
        elif index:
            self._replace(_end(parts[index - 1][1]), end, "")
        else:
            self._replace(begin, parts[1][0].start_mark.index, "")

    def _remove_lines(self, path: Path, around: CollectionNode, begin: int, end: int) -> None:
        """Take an entry with lines of its own out of what is around it."""
        first, is_map = self.text.rfind("\n", 0, begin) + 1, isinstance(around, MappingNode)
        if self.text[first:begin].strip() != ("" if is_map else "-"):
            raise _unfit(around, "begin each entry on a line of its own")
        after = self.text[self._next_line(end) :]
        before = self.text[:first]
        if len(around.value) == 1:
            colon = self._colon(path[:-1])
            before = f"{before[:colon]} {'{}' if is_map else '[]'}{before[colon:]}"
        self._change(before + after)

    def _insert(self, path: Path, text: str, index: int | None = None) -> None:
        """An entry of a map or an item of a list, on a line of its own or within the brackets."""
        node = self._collection(path)
        parts, dash = _parts(node), "" if isinstance(node, MappingNode) else "- "
        index = len(parts) if index is None else index
        if _is_block(node):
            place = len(self.text)
            if path:
                place = self._next_line(_end(parts[index - 1][1]) if index else self._colon(path))
            self._put_line(place, " " * node.start_mark.column + dash + text)
        elif parts and index:
            self._put(_end(parts[index - 1][1]), f", {text}")
        elif parts:
            self._put(parts[0][0].start_mark.index, f"{text}, ")
        elif len(path) > 1 or self._document.flow_style:
            self._put(node.start_mark.index + 1, text)
        else:  # `faults: []`: each entry gets a line
            colon = self._colon(path)
            self._replace(colon, node.end_mark.index, "")
            self._put_line(self._next_line(colon), f"  {dash}{text}")

    def _collection(self, path: Path) -> CollectionNode:
        node = self.at(*path)
        if not isinstance(node, CollectionNode):
            raise _unfit(node or self._document, "it is neither a map nor a list")
        return node

    def _colon(self, path: Path) -> int:
        """The place behind the colon of a key."""
        keys = (key for key, _ in entries_of(self.at(*path[:-1])) if word(key) == path[-1])
        return self.text.index(":", next(keys).end_mark.index) + 1

    def _next_line(self, place: int) -> int:
        return self.text.find("\n", place) + 1 or len(self.text)

    def _put_line(self, place: int, line: str) -> None:
        self._put(place, f"{line}\n" if self.text[place - 1] == "\n" else f"\n{line}")

    def _put(self, place: int, text: str) -> None:
        self._change(self.text[:place] + text + self.text[place:])

    def _replace(self, begin: int, end: int, text: str) -> None:
        if _COMMENT.search(self.text, begin, end):
            line = self.text.count("\n", 0, begin) + 1
            raise PolicyError([Mistake(line, "a comment here would be lost; change this by hand")])
        self._change(self.text[:begin] + text + self.text[end:])

    def _change(self, text: str) -> None:
        self.text = text
        """The whole file."""
        self._document = read(text)


def _is_block(node: Node) -> bool:
    return isinstance(node, CollectionNode) and not node.flow_style


def _parts(node: Node) -> list[tuple[Node, Node]]:
    """The first and the last node of each entry or item."""
    return entries_of(node) or [(item, item) for item in items_of(node)]


def _end(node: Node) -> int:
    """The place behind it; PyYAML counts the comments that follow what is in lines."""
    return _end(_parts(node)[-1][1]) if _is_block(node) else int(node.end_mark.index)


def _unfit(node: Node, advice: str) -> PolicyError:
    text = f"this cannot be changed by a command as it is written; {advice}"
    return PolicyError([Mistake(line_of(node), text)])
