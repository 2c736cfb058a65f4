"""Changes single lines of the policy's file, so that everything else in it, comments too, stays as it is."""

from __future__ import annotations

import re

from mesh.policy_file import read
from mesh.policy_inline import NOT_WORDS
from mesh.policy_nodes import Entry, List, Map, Mistake, Node, PolicyError, Span

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*|(0|[1-9][0-9]*)(\.[0-9]+)?(ms|s|m|h)?")


def written(value: str) -> str:
    """A value as it stands in the file: quoted, unless it cannot be misread."""
    if _BARE.fullmatch(value) and value.lower() not in NOT_WORDS:
        return value
    if "\n" in value:
        raise PolicyError([Mistake(0, f"{value!r} is more than one line; no value of the policy is")])
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Lines:
    """A policy's text that is being changed. After each change the nodes are read anew."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self.document, mistakes = read(text)
        if mistakes:
            raise PolicyError(mistakes)

    @property
    def text(self) -> str:
        """The whole file."""
        return "\n".join(self._lines)

    def section(self, name: str) -> Node | None:
        """What stands under a key of the first level."""
        return self.document.get(name)

    def insert(self, name: str, line: str, after: int | None = None) -> None:
        """Put an entry into a section, at its top or after a line."""
        entry = self._entry(name)
        if entry is None:
            end = self._lines.pop() if not self._lines[-1] else ""
            self._change([*self._lines, f"{name}:", f"  {line}", end])
            return
        node, key = entry.value, entry.key.span.line
        if not isinstance(node, Map | List) or (node.in_brackets and node.span.line != node.span.last):
            raise self._unfit(name, node)
        lines = list(self._lines)
        if not node.in_brackets:
            lines.insert(after or key, " " * node.span.column + line)
        elif not _count(node):
            row = lines[key - 1]
            lines[key - 1] = (row[: node.span.column].rstrip(" ") + row[node.span.end :]).rstrip(" ")
            lines.insert(key, f"  {line}")
        else:
            raise self._unfit(name, node)
        self._change(lines)

    def remove(self, name: str, span: Span) -> None:
        """Take an entry out of a section; the last one leaves `[]` or `{}` behind."""
        entry = self._entry(name)
        if entry is None or not isinstance(entry.value, Map | List):
            return
        if entry.value.in_brackets:
            raise self._unfit(name, entry.value)
        lines = self._lines[: span.line - 1] + self._lines[span.last :]
        if _count(entry.value) == 1:
            row = lines[entry.key.span.line - 1]
            colon = row.index(":", entry.key.span.end) + 1
            nothing = "{}" if isinstance(entry.value, Map) else "[]"
            lines[entry.key.span.line - 1] = f"{row[:colon]} {nothing}{row[colon:]}"
        self._change(lines)

    def append_item(self, node: List, value: str) -> None:
        """One more item at the end of an inner list that is not empty."""
        lines, last = list(self._lines), node.items[-1].span
        if node.in_brackets:
            self._replace(Span(last.last, last.end, last.last, last.end), f", {value}")
        else:
            lines.insert(last.last, " " * node.span.column + f"- {value}")
            self._change(lines)

    def remove_item(self, node: List, index: int) -> None:
        """Take an item out of an inner list that has more than this one."""
        span = node.items[index].span
        if not node.in_brackets:
            self._change(self._lines[: span.line - 1] + self._lines[span.last :])
        elif node.span.line != node.span.last:
            raise self._unfit("methods", node)
        elif index:
            before = node.items[index - 1].span
            self._replace(Span(before.last, before.end, span.last, span.end), "")
        else:
            after = node.items[1].span
            self._replace(Span(span.line, span.column, after.line, after.column), "")

    def replace(self, node: Node, text: str) -> None:
        """Write something else in place of a value that stands on one line."""
        self._replace(node.span, text)

    def _replace(self, span: Span, text: str) -> None:
        first, last = self._lines[span.line - 1], self._lines[span.last - 1]
        row = first[: span.column] + text + last[span.end :]
        self._change([*self._lines[: span.line - 1], row, *self._lines[span.last :]])

    def _change(self, lines: list[str]) -> None:
        self._lines = lines
        self.document, _ = read(self.text)

    def _entry(self, name: str) -> Entry | None:
        return next((entry for entry in self.document.entries if entry.key.value == name), None)

    def _unfit(self, name: str, node: Node) -> PolicyError:
        text = f"`{name}` cannot be changed by a command as it is written; give each entry a line"
        return PolicyError([Mistake(node.span.line, text)])


def _count(node: Map | List) -> int:
    return len(node.entries if isinstance(node, Map) else node.items)
