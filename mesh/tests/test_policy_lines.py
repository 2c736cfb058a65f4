"""Changes of single places: the text around them stays, and a place that is not fit for it is said so."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mesh.policy_lines import Lines, Path, Quoted, Value, plain, written
from mesh.policy_nodes import PolicyError, read

SET: list[tuple[str, Path, Value, str]] = [
    ("a: b  # why\n", ("a",), "c", "a: c  # why\n"),
    ("a: b\n", ("c",), "d", "a: b\nc: d\n"),
    ("a: b", ("c",), "d", "a: b\nc: d"),
    ("a: b\n", ("c", "d", "e"), "f", "a: b\nc:\n  d: {e: f}\n"),
    ("a: {}  # none\n", ("a", "b"), "c", "a:  # none\n  b: c\n"),
    ("a: {}", ("a", "b"), "c", "a:\n  b: c"),
    ("a:\n    b: c  # why\n# of d\nd: e\n", ("a", "f"), "g", "a:\n    b: c  # why\n    f: g\n# of d\nd: e\n"),
    ("a:\n  b: {}\n", ("a", "b", "c"), "d", "a:\n  b: {c: d}\n"),
    ("a: {b: c,}\n", ("a", "d"), "e", "a: {b: c, d: e,}\n"),
    ("a:\n  b:\n    c: d\n  e: f\n", ("a", "b"), {"g": "h"}, "a:\n  b: {g: h}\n  e: f\n"),
    ("a:\n  - b: c\n    d: [e]\n", ("a", 0, "d", 0), "f", "a:\n  - b: c\n    d: [f]\n"),
    ("a:\n- b\n", ("c", "d"), "e", "a:\n- b\nc:\n  d: e\n"),
]


@pytest.mark.parametrize(("before", "path", "value", "after"), SET)
def test_a_value_is_set_and_the_maps_around_it_are_made(
    before: str, path: Path, value: Value, after: str
) -> None:
    lines = Lines(before)
    lines.set(path, value)
    assert lines.text == after
    lines.set(path, value)
    assert lines.text == after


ADDED: list[tuple[str, int | None, str]] = [
    ("b: c\n", None, "b: c\na:\n  - x\n"),
    ("a: []\n", 0, "a:\n  - x\n"),
    ("a:\n- b\n- c\nd: e\n", None, "a:\n- b\n- c\n- x\nd: e\n"),
    ("a:\n  # of b\n  - b\n", 0, "a:\n  - x\n  # of b\n  - b\n"),
    ("a:\n  - b  # of b\n  # of c\n  - c\n", 1, "a:\n  - b  # of b\n  - x\n  # of c\n  - c\n"),
    ("a: [b]\n", 0, "a: [x, b]\n"),
    ("a: [b, c]\n", 1, "a: [b, x, c]\n"),
]


@pytest.mark.parametrize(("before", "index", "after"), ADDED)
def test_an_item_is_added_at_its_place(before: str, index: int | None, after: str) -> None:
    lines = Lines(before)
    lines.add(("a",), "x", index)
    assert lines.text == after


REMOVED: list[tuple[str, Path, int, str]] = [
    ("a: b\nc: d\n", ("x",), 1, "a: b\nc: d\n"),
    ("a:  # why\n  # of b\n  - b  # it\n", ("a", 0), 1, "a: []  # why\n  # of b\n"),
    ("a:\n  b:\n    c: d\n  # of e\n  e: f\n", ("a", "b", "c"), 1, "a:\n  # of e\n  e: f\n"),
    ("a:\n  b:\n    c: d\n", ("a", "b", "c"), 1, "a: {}\n"),
    ("a:\n  b:\n    c: d\n", ("a", "b", "c"), 2, "a:\n  b: {}\n"),
    ("a: {b: {c: d}}", ("a", "b", "c"), 1, "a: {}"),
    ("a: {b: {c: d}}", ("a", "b", "c"), 2, "a: {b: {}}"),
    ("a: [b, c, d]", ("a", 0), 1, "a: [c, d]"),
    ("a: [b, c, d]", ("a", 2), 1, "a: [b, c]"),
    ("a:\n  - b:\n      c\n    d: e\n  - f", ("a", 0), 1, "a:\n  - f"),
]


@pytest.mark.parametrize(("before", "path", "keep", "after"), REMOVED)
def test_what_is_removed_takes_with_it_what_is_empty_then(
    before: str, path: Path, keep: int, after: str
) -> None:
    lines = Lines(before)
    lines.remove(path, keep)
    assert lines.text == after


def test_a_place_that_is_not_fit_for_a_change_is_said_so() -> None:
    with pytest.raises(PolicyError, match=r"line 2: .* neither a map nor a list"):
        Lines("a:\n  b: c\n").set(("a", "b", "d"), "e")
    with pytest.raises(PolicyError, match=r"line 2: .* begin each entry on a line of its own"):
        Lines("a:\n  - b: c\n    d: e\n").remove(("a", 0, "b"))


NAMES = st.sampled_from(["a", "b", "c"])
MAPS = st.dictionaries(
    NAMES,
    st.recursive(NAMES, lambda below: st.dictionaries(NAMES, below, max_size=3), max_leaves=5),
    min_size=1,
)
STYLES = st.sampled_from([True, False, None])
Place = tuple[dict[str, Any], tuple[str, ...]]


@st.composite
def places(draw: st.DrawFn) -> Place:
    """A map, and a path in it that nothing but what is missing is in the way of."""
    data = draw(MAPS)
    path: tuple[str, ...] = draw(st.lists(NAMES, min_size=1, max_size=3).map(tuple))
    around: Any = data
    for key in path[:-1]:
        if isinstance(around.get(key), str):
            around[key] = {}
        around = around.get(key, {})
    return data, path


@st.composite
def values(draw: st.DrawFn) -> Place:
    """A map, and the path of one of its values."""
    data = draw(MAPS.filter(lambda data: len(data) > 1))
    path: list[str] = []
    found: Any = data
    while isinstance(found, dict) and found and (not path or draw(st.booleans())):
        path.append(draw(st.sampled_from(sorted(found))))
        found = found[path[-1]]
    return data, tuple(path)


@given(places(), STYLES)
def test_a_value_that_is_set_is_there_and_nothing_else_is_changed(place: Place, style: bool | None) -> None:
    data, path = place
    lines = Lines(yaml.safe_dump(data, default_flow_style=style))
    lines.set(path, {"new": "value"})
    around: Any = data
    for key in path[:-1]:
        around = around.setdefault(key, {})
    around[path[-1]] = {"new": "value"}
    assert plain(read(lines.text)) == data


@given(values(), STYLES, st.integers(min_value=1, max_value=2))
def test_a_value_that_is_removed_is_gone_and_nothing_else_is(
    place: Place, style: bool | None, keep: int
) -> None:
    data, path = place
    lines = Lines(yaml.safe_dump(data, default_flow_style=style))
    lines.remove(path, keep)
    for size in range(len(path), 0, -1):
        around: Any = data
        for key in path[: size - 1]:
            around = around[key]
        if size == len(path) or (not around[path[size - 1]] and size > keep):
            del around[path[size - 1]]
    assert plain(read(lines.text)) == data


@given(
    st.recursive(st.text(), lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=9)
)
def test_whatever_is_written_is_read_as_the_same_and_is_one_line(value: Value) -> None:
    try:
        text = written({"a": value, "b": Quoted("1")})
    except PolicyError as error:
        assert "is more than one line of text" in str(error)
        return
    assert "\n" not in text
    try:
        document = read(text)
    except PolicyError as error:
        assert "nested more than" in str(error)
        return
    assert plain(document) == {"a": value, "b": "1"}
