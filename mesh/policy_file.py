"""Reads the YAML of the policy into nodes that know where they stand, for faults with lines and for edits.

Only the part of YAML that cannot be misunderstood is taken: maps, lists (in lines or in brackets), words,
numbers and quoted texts. What it takes means the same to every YAML reader; the rest (anchors, tags, texts
over several lines, `n` that turns into a boolean) is refused with what to write instead.
"""

from __future__ import annotations

import re

from mesh.policy_inline import MAX_DEPTH, Inline, Stop
from mesh.policy_nodes import Entry, List, Map, Mistake, Node, PolicyError, Span, Word

_CONTROL = re.compile(
    r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]"
)


def read(text: str) -> tuple[Map, list[Mistake]]:
    """The file, and what is wrong in its words. Raises PolicyError if its form is broken."""
    reader = _Reader(text.split("\n"))
    try:
        return reader.document(), reader.mistakes
    except Stop as stop:
        raise PolicyError([*reader.mistakes, stop.mistake]) from None


class _Reader(Inline):
    """What is written in lines; recursive descent. Rows and columns count from 0."""

    def document(self) -> Map:
        for row, line in enumerate(self.lines):
            if found := _CONTROL.search(line):
                what = "a tab" if found[0] == "\t" else f"the character U+{ord(found[0]):04X}"
                raise Stop(
                    row, f"{what} is not taken here; write spaces, and end lines with a line feed only"
                )
        row = self.significant(0)
        if row == len(self.lines):
            raise Stop(0, "the file is empty; it needs at least `allow:` and `traffic:`")
        node, after = self.block(row, 0, 1)
        if not isinstance(node, Map) or after < len(self.lines):
            place = after if isinstance(node, Map) else row
            raise Stop(place, "the file is a map of sections, such as `allow:`; it is no list")
        return node

    def significant(self, row: int) -> int:
        """The next row that is neither empty nor a comment."""
        while row < len(self.lines) and self.lines[row].lstrip(" ")[:1] in ("", "#"):
            row += 1
        return row

    def indent(self, row: int) -> int:
        """How far the row is indented; -1 after the end."""
        if row >= len(self.lines):
            return -1
        return len(self.lines[row]) - len(self.lines[row].lstrip(" "))

    def is_item(self, row: int, column: int) -> bool:
        return row < len(self.lines) and (self.lines[row][column:] + " ").startswith("- ")

    def block(self, row: int, indent: int, depth: int) -> tuple[Map | List, int]:
        """A map or list in lines, from this row on; also the row after it."""
        if depth > MAX_DEPTH:
            raise Stop(row, f"nested more than {MAX_DEPTH} deep; nothing in the policy is")
        start, is_list = row, self.is_item(row, indent)
        items: list[Node] = []
        entries: list[Entry] = []
        while self.indent(row) == indent and self.is_item(row, indent) == is_list:
            if is_list:
                node, after = self.item(row, indent, depth)
                items.append(node)
            else:
                entry, after = self.entry(row, indent, depth)
                node = entry.value
                self.keep(entries, entry)
            last, row = node.span, self.significant(after)
        if self.indent(row) > indent:
            raise Stop(row, "indented unlike its neighbours; align it with them, and keep a text on one line")
        span = Span(start + 1, indent, last.last, last.end)
        if is_list:
            return List(span, tuple(items), in_brackets=False), row
        return Map(span, tuple(entries), in_brackets=False), row

    def item(self, row: int, indent: int, depth: int) -> tuple[Node, int]:
        """`- value`, where the value may be a map whose first key stands behind the dash."""
        line = self.lines[row]
        rest = line[indent + 1 :]
        column = indent + 1 + len(rest) - len(rest.lstrip(" "))
        if line[column : column + 1] in ("", "#"):
            raise Stop(row, "nothing behind the dash; begin the entry on the same line")
        if self.is_key(row, column) or self.is_item(row, column):
            self.lines[row] = line[:indent] + " " + line[indent + 1 :]  # the dash is read
            return self.block(row, column, depth + 1)
        return self.rest_of_line(row, column, depth + 1)

    def entry(self, row: int, indent: int, depth: int) -> tuple[Entry, int]:
        """`key: value`, where the value may be what is indented below it."""
        if not self.is_key(row, indent):
            raise Stop(row, "expected `key: value`, with a space behind the colon")
        key = self.word(row, indent)
        line, column = self.lines[row], self.behind_colon(row, key)
        column += len(line[column:]) - len(line[column:].lstrip(" "))
        if line[column : column + 1] not in ("", "#"):
            node, after = self.rest_of_line(row, column, depth + 1)
            return Entry(key, node), after
        below = self.significant(row + 1)
        deeper = self.indent(below) > indent
        if deeper or (self.indent(below) == indent and self.is_item(below, indent)):
            block, after = self.block(below, self.indent(below), depth + 1)
            return Entry(key, block), after
        text = f"`{key.value}` has no value; write `{{}}` or `[]` for nothing, or remove the line"
        self.mistakes.append(Mistake(row + 1, text))
        nothing = Word(Span(row + 1, column, row + 1, column), "", broken=True)
        return Entry(key, nothing), row + 1

    def rest_of_line(self, row: int, column: int, depth: int) -> tuple[Node, int]:
        """A value behind which nothing but a comment stands."""
        node = self.value(row, column, depth)
        row = node.span.last - 1
        rest = self.lines[row][node.span.end :]
        if rest.strip(" ") and not re.match(r" +#", rest):
            raise Stop(row, f"`{rest.strip(' ')}` behind the value; put the whole value into quotes")
        return node, row + 1
