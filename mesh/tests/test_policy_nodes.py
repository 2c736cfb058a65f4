"""The YAML that is taken, and what is said of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.policy_lines import Value, plain
from mesh.policy_nodes import PolicyError, get, line_of, read

TAKEN: list[tuple[str, Value]] = [
    ("a: b  # said why", {"a": "b"}),
    ("# first\n\na:\n  # inner\n  b: c\n\n", {"a": {"b": "c"}}),
    ("a:\n- b\n- c\nd: e", {"a": ["b", "c"], "d": "e"}),
    ("a:\n  - b: c\n    d: e\n  - f: g", {"a": [{"b": "c", "d": "e"}, {"f": "g"}]}),
    ("a: {b: c, d: [e, f], g: {}}", {"a": {"b": "c", "d": ["e", "f"], "g": {}}}),
    ("a: [b,  # one\n    c,\n   ]  # all\nd: e", {"a": ["b", "c"], "d": "e"}),
    ("\"a\": 'it''s # {not} a: comment'", {"a": "it's # {not} a: comment"}),
    ("---\na: b\n", {"a": "b"}),
    ("a: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
]
AS_WRITTEN = [
    "off",
    "on",
    "no",
    "y",
    "True",
    "null",
    "~",
    "1",
    "010",
    "1.10",
    "1e3",
    "2026-01-01",
    "1:30",
    "0x1f",
]


@pytest.mark.parametrize(("text", "meaning"), TAKEN)
def test_yaml_is_read_as_it_looks(text: str, meaning: Value) -> None:
    assert plain(read(text)) == meaning


@pytest.mark.parametrize("word", AS_WRITTEN)
def test_a_word_is_taken_as_it_is_written_and_never_as_a_boolean_or_number(word: str) -> None:
    assert plain(read(f"a: {word}")) == {"a": word}


REFUSED = [
    ("a: &x b", 1, "`&` and `*` are not taken"),
    ("a: b\nc: &x [d]", 2, "`&` and `*` are not taken"),
    ("a: &x b\nc: *x", 1, "`&` and `*` are not taken"),
    ("a: *x", 1, "`&` and `*` are not taken"),
    ("a: [b, *]", 1, "quote a text with signs in it"),
    ("a: !!str b", 1, "`tag:yaml.org,2002:str` is not taken; quote it, or remove the tag"),
    ("a:\n  b: !x {}", 2, "`!x` is not taken"),
    ("a: ! b", 1, "`!` is not taken"),
    ("a: b\n---\na: c", 2, "but found another document"),
    ("a:\n\tb: c", 2, "found character '\\t'"),
    ("\ufeffa: b", 1, "U+FEFF is not taken; end lines with a line feed only"),
    ("a: b\n# c\u2028d: e", 2, "U+2028 is not taken"),
    ("a: b\n# c\rd: e", 2, "U+000D is not taken"),
    ("a: b\nc: \x01", 2, "U+0001 is not taken"),
    ("a: b: c", 1, "mapping values are not allowed here"),
    ("a: b\n  c: d", 2, "look at the indentation"),
    ("a:\n  - b\n  c: d", 3, "look at the indentation"),
    ("a: b\n- c", 2, "but found '-', while parsing a block mapping that begins on line 1"),
    ("a: b\nc: [d,\n  e", 3, "while parsing a flow sequence that begins on line 2"),
    ('a: "b', 1, "found unexpected end of stream"),
    ("- a", 1, "the file is a map of sections"),
    ("a", 1, "the file is a map of sections"),
    ("", 1, "the file is empty"),
    ("# only this", 1, "the file is empty"),
    ("a: " + "[" * 2000, 1, "nested more than"),
    ("a:\n" + "\n".join(" " * n + "a:" for n in range(1, 500)), 8, "nested more than"),
]


@pytest.mark.parametrize(("text", "line", "said"), REFUSED)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(text)
    (mistake,) = caught.value.mistakes
    assert mistake.line == line
    assert said in mistake.text


def test_a_node_is_found_by_keys_and_places_and_knows_its_line() -> None:
    document = read("a:\n  - {b: c}  # comment\n  - d:\n      e: 'f'\n")
    found = get(document, "a", 1, "d", "e")
    assert found is not None
    assert (plain(found), line_of(found)) == ("f", 4)
    for path in (("a", 2), ("a", "b"), ("a", 0, "b", "c"), ("x",), (0,)):
        assert get(document, *path) is None


SIGNS = "ab1 :-{}[],\"'#\n*&!|>%~?@\\.\t"


@given(st.text(alphabet=SIGNS, max_size=40))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except PolicyError as error:
        lines = text.count("\n") + 1
        assert all(1 <= mistake.line <= lines and mistake.text for mistake in error.mistakes)
