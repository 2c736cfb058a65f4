"""JSON from outside is read strictly, and a mistake is named with its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import Problem
from kit.strict_json import MAX_DEPTH, loads

MALFORMED = {
    "nothing": (b"", "line 1, column 1"),
    "truncated": (b'{"a":\n [1', "line 2, column 4"),
    "two values": (b"1 2", "column 3"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "not UTF-8": (b'{"a": "\xff"}', "byte 7"),
    "not a number": (b"[NaN]", "NaN"),
    "infinity": (b"[-Infinity]", "-Infinity"),
    "a name twice": (b'{"a": {"b": 1, "c": 2, "b": 3}}', '"b" stands twice'),
    "too deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper"),
    "far too deep": (b"[" * 30_000 + b"]" * 30_000, "deeper"),
    "half a pair in a value": (b'["\\ud83d"]', "half"),
    "half a pair in a name": (b'{"\\ude00": 1}', "half"),
    "a number without end": (b"1" * 10_000, "digits"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_json_is_refused_with_its_place(name: str) -> None:
    body, place = MALFORMED[name]
    with pytest.raises(Problem) as caught:
        loads(body)
    assert caught.value.reason == "MALFORMED_JSON"
    assert place in str(caught.value)


def test_half_a_pair_is_left_to_who_names_it_better() -> None:
    assert loads(b'["\\ud83d"]', half_pairs=True) == ["\ud83d"]


def test_what_is_just_allowed_is_read() -> None:
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert json.dumps(loads(deep)).encode() == deep
    assert loads(b'["\\ud83d\\ude00", {}, [], [], {"a": []}]' + b" " * 40) == ["😀", {}, [], [], {"a": []}]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(VALUES)
def test_every_value_is_read_as_it_was_written(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value
