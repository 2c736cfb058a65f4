"""Reads what stands within a line of the policy: words, quoted texts, maps and lists in brackets."""

from __future__ import annotations

import re

from mesh.policy_nodes import Entry, List, Map, Mistake, Node, Span, Word

MAX_DEPTH = 8
_PLAIN = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.%+/-]*")
_KEY_END = re.compile(r" *:(?= |$)")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_SINGLE = re.compile(r"'((?:[^']|'')*)'")
NOT_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What YAML does not read as text, in any case of letters."""


class Stop(Exception):
    """The file's form is broken here; what follows cannot be told."""

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.mistake = Mistake(row + 1, text)


class Inline:
    """Rows and columns count from 0."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.mistakes: list[Mistake] = []

    def value(self, row: int, column: int, depth: int) -> Node:
        """The value that begins here."""
        if depth > MAX_DEPTH:
            raise Stop(row, f"nested more than {MAX_DEPTH} deep; nothing in the policy is")
        bracket = self.lines[row][column : column + 1]
        if bracket == "{":
            return self._map(row, column, depth)
        return self._list(row, column, depth) if bracket == "[" else self.word(row, column)

    def is_key(self, row: int, column: int) -> bool:
        """Whether a word with a colon begins here."""
        line = self.lines[row]
        found = (_quote(line, column) or _PLAIN).match(line, column)
        return bool(found and _KEY_END.match(line, found.end()))

    def behind_colon(self, row: int, key: Word) -> int:
        """The column behind the colon of a key, which is there."""
        return self.lines[row].index(":", key.span.end) + 1

    def word(self, row: int, column: int) -> Word:
        """A word, a number or a quoted text."""
        line = self.lines[row]
        if quote := _quote(line, column):
            found = quote.match(line, column)
            if not found:
                raise Stop(
                    row, f'the text after {line[column]} has no end, or an escape other than \\" and \\\\'
                )
            value = found[1].replace("''", "'") if quote is _SINGLE else re.sub(r"\\(.)", r"\1", found[1])
            return Word(_span(row, column, found.end()), value, quoted=True)
        found = _PLAIN.match(line, column)
        if not found:
            shown = re.split(r" #|[,\]}]", line[column:])[0].strip() or line[column:]
            raise Stop(row, f'`{shown}` cannot stand here as it is; put it into quotes: "{shown}"')
        broken = found[0].lower() in NOT_WORDS
        if broken:
            text = f'`{found[0]}` is no text to YAML; if you mean the word, write "{found[0]}" with quotes'
            self.mistakes.append(Mistake(row + 1, text))
        return Word(_span(row, column, found.end()), found[0], broken=broken)

    def keep(self, entries: list[Entry], entry: Entry) -> None:
        """Take an entry into a map, unless its key is there already."""
        for other in entries:
            if other.key.value == entry.key.value:
                text = (
                    f"`{entry.key.value}` stands on line {other.key.span.line} already; keep one of the two"
                )
                self.mistakes.append(Mistake(entry.key.span.line, text))
                return
        entries.append(entry)

    def _map(self, row: int, column: int, depth: int) -> Map:
        entries: list[Entry] = []
        place = self._skip(row, column + 1, row)
        while not self._is(place, "}"):
            if not self.is_key(*place):
                raise Stop(place[0], "expected `key: value` in the braces, with a space behind the colon")
            key = self.word(*place)
            place = self._skip(place[0], self.behind_colon(place[0], key), row)
            node = self.value(*place, depth + 1)
            self.keep(entries, Entry(key, node))
            place = self._behind(node, "}", row)
        return Map(_span(row, column, place[1] + 1, place[0]), tuple(entries), in_brackets=True)

    def _list(self, row: int, column: int, depth: int) -> List:
        items: list[Node] = []
        place = self._skip(row, column + 1, row)
        while not self._is(place, "]"):
            items.append(node := self.value(*place, depth + 1))
            place = self._behind(node, "]", row)
        return List(_span(row, column, place[1] + 1, place[0]), tuple(items), in_brackets=True)

    def _is(self, place: tuple[int, int], sign: str) -> bool:
        return self.lines[place[0]][place[1]] == sign

    def _behind(self, node: Node, closing: str, opened: int) -> tuple[int, int]:
        """Where the next one begins, or the bracket is closed."""
        place = self._skip(node.span.last - 1, node.span.end, opened)
        if self._is(place, ","):
            return self._skip(place[0], place[1] + 1, opened)
        if not self._is(place, closing):
            raise Stop(place[0], f"expected `,` or `{closing}` behind the value; quote it if it goes on")
        return place

    def _skip(self, row: int, column: int, opened: int) -> tuple[int, int]:
        """The next place that is no space and no comment, perhaps on another line."""
        while row < len(self.lines):
            line = self.lines[row]
            column += len(line[column:]) - len(line[column:].lstrip(" "))
            comment = line[column : column + 1] == "#" and (column == 0 or line[column - 1] == " ")
            if column < len(line) and not comment:
                return row, column
            row, column = row + 1, 0
        raise Stop(opened, "the bracket that is opened here is not closed")


def _quote(line: str, column: int) -> re.Pattern[str] | None:
    return {'"': _DOUBLE, "'": _SINGLE}.get(line[column : column + 1])


def _span(row: int, column: int, end: int, last: int | None = None) -> Span:
    return Span(row + 1, column, (row if last is None else last) + 1, end)
