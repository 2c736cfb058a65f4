"""The YAML that is taken, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.policy_file import read
from mesh.policy_nodes import List, Node, PolicyError, Word


def plain(node: Node) -> Any:
    if isinstance(node, Word):
        return node.value
    if isinstance(node, List):
        return [plain(item) for item in node.items]
    return {entry.key.value: plain(entry.value) for entry in node.entries}


TAKEN: list[tuple[str, Any]] = [
    ("a: b", {"a": "b"}),
    ("a: b  # said why", {"a": "b"}),
    ("# first\n\na:\n  # inner\n  b: c\n\n", {"a": {"b": "c"}}),
    ("a:\n  - b\n  - c", {"a": ["b", "c"]}),
    ("a:\n- b\n- c\nd: e", {"a": ["b", "c"], "d": "e"}),
    ("a:\n  - b: c\n    d: e\n  - f: g", {"a": [{"b": "c", "d": "e"}, {"f": "g"}]}),
    ("a:\n  - b:\n      - c\n    d: e", {"a": [{"b": ["c"], "d": "e"}]}),
    ("a:\n  - b:\n    - c\n    d: e", {"a": [{"b": ["c"], "d": "e"}]}),
    ("a:\n  - - b\n    - c\n  - [d]", {"a": [["b", "c"], ["d"]]}),
    ("a: {b: c, d: [e, f], g: {}}", {"a": {"b": "c", "d": ["e", "f"], "g": {}}}),
    ("a: [b,  # one\n    c,\n   ]  # all\nd: e", {"a": ["b", "c"], "d": "e"}),
    ("a: []", {"a": []}),
    ("\"a\": 'it''s # {not} a: comment'", {"a": "it's # {not} a: comment"}),
    (r'a: "q\"b\\"', {"a": 'q"b\\'}),
    ('a: "no"', {"a": "no"}),
    ("a : b", {"a": "b"}),
    ("a: v1.2-rc.1/x_y", {"a": "v1.2-rc.1/x_y"}),
]


@pytest.mark.parametrize(("text", "meaning"), TAKEN)
def test_plain_yaml_is_read_as_it_looks(text: str, meaning: Any) -> None:
    document, mistakes = read(text)
    assert (plain(document), mistakes) == (meaning, [])


REFUSED = [
    ("a: b\nc: n", 2, '`n` is no text to YAML; if you mean the word, write "n" with quotes'),
    ("y: b", 1, "`y` is no text to YAML"),
    ("a: [b, True]", 1, "`True` is no text"),
    ("a: b\n\na: c", 3, "`a` stands on line 1 already"),
    ("a: {b: c,\n b: d}", 2, "`b` stands on line 1 already"),
    ("a:\n\tb: c", 2, "a tab is not taken here; write spaces"),
    ("a: b\r\nc: d\r", 1, "U+000D"),
    ("\ufeffa: b", 1, "U+FEFF"),
    ("a: &x b", 1, '`&x b` cannot stand here as it is; put it into quotes: "&x b"'),
    ("a: [b, *]", 1, '`*` cannot stand here as it is; put it into quotes: "*"'),
    ("a: *x", 1, "cannot stand here"),
    ("a: !!str b", 1, "cannot stand here"),
    ("a: |\n  b", 1, "cannot stand here"),
    ("a: ~", 1, "cannot stand here"),
    ("---\na: b", 1, "expected `key: value`"),
    ("<<: b", 1, "expected `key: value`"),
    ("a:b", 1, "expected `key: value`, with a space behind the colon"),
    ("a", 1, "expected `key: value`"),
    ("a: b c", 1, "`c` behind the value; put the whole value into quotes"),
    ("a: b: c", 1, "`: c` behind the value"),
    ('a: "b" c', 1, "`c` behind the value"),
    ("a: b#c", 1, "`#c` behind the value"),
    ("a: b\n  c", 2, "indented unlike its neighbours"),
    ("a:\n    b: c\n  d: e", 3, "indented unlike its neighbours"),
    ("a:\n  - b\n  c: d", 3, "indented unlike its neighbours"),
    ("- a", 1, "the file is a map"),
    ("a: b\n- c", 2, "the file is a map"),
    ("  a: b\nc: d", 1, "indented unlike its neighbours"),
    ("a:\nb: c", 1, "`a` has no value; write `{}` or `[]` for nothing"),
    ("a:\n  -\n    b: c", 2, "nothing behind the dash"),
    ("a: b\nc: [d,\n  e", 2, "the bracket that is opened here is not closed"),
    ("a: [b c]", 1, "expected `,` or `]` behind the value"),
    ("a: {b}", 1, "expected `key: value` in the braces"),
    ("a: {b:c}", 1, "expected `key: value` in the braces"),
    ("a: [b}", 1, "expected `,` or `]`"),
    ("a: [,]", 1, "cannot stand here"),
    ('a: "b', 1, 'the text after " has no end'),
    (r'a: "\n"', 1, "escape"),
    ("a: 'b", 1, "has no end"),
    ("", 1, "the file is empty"),
    ("# only this", 1, "the file is empty"),
    ("a: " + "[" * 2000, 1, "nested more than"),
    ("a:\n" + "\n".join(" " * n + "a:" for n in range(1, 500)), 9, "nested more than"),
]


@pytest.mark.parametrize(("text", "line", "said"), REFUSED)
def test_what_could_be_misread_is_refused_with_its_line_and_what_to_write(
    text: str, line: int, said: str
) -> None:
    try:
        _, mistakes = read(text)
    except PolicyError as error:
        mistakes = list(error.mistakes)
    assert [mistake.line for mistake in mistakes] == [line]
    assert said in mistakes[0].text


def test_a_node_knows_where_it_stands() -> None:
    text = "a:\n  - {b: c}  # comment\n  - d:\n      e: 'f'\n"
    document, _ = read(text)
    items = document.get("a")
    assert isinstance(items, List)
    spans = [(item.span.line, item.span.column, item.span.last, item.span.end) for item in items.items]
    assert spans == [(2, 4, 2, 10), (3, 4, 4, 12)]


SIGNS = "ab1 :-{}[],\"'#\n*&!|>%~?@\\.\t"


@settings(deadline=None)
@given(st.text(alphabet=SIGNS, max_size=40))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except PolicyError as error:
        lines = text.count("\n") + 1
        assert all(1 <= mistake.line <= lines and mistake.text for mistake in error.mistakes)
