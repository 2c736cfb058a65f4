"""The one order in which records of several partitions are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ops.merging import Merge

A, B, C = ("orders", 0), ("inventory", 0), ("payments", 3)
HOLD = 0.3


def at(second: float) -> datetime:
    return datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=second)


def test_history_is_told_by_time_across_partitions() -> None:
    merge: Merge[str] = Merge([A, B], HOLD)
    merge.add(A, "placed", at(1), 0)
    merge.add(A, "confirmed", at(3), 0)
    assert list(merge.ready(100)) == []  # B may have something earlier
    merge.add(B, "reserved", at(2), 0)
    assert list(merge.ready(100)) == ["placed", "reserved"]
    merge.finished(B)
    assert list(merge.ready(100)) == ["confirmed"]
    merge.finished(A)
    assert not merge.in_history


def test_the_order_of_a_partition_holds_against_time() -> None:
    merge: Merge[str] = Merge([A, B], HOLD)
    for item, second in (("first", 5), ("second", 1), ("third", 6)):
        merge.add(A, item, at(second), 0)
    merge.add(B, "between", at(4), 0)
    assert list(merge.ready(0, everything=True)) == ["between", "first", "second", "third"]


def test_equal_times_stay_as_they_came() -> None:
    merge: Merge[int] = Merge([], HOLD)
    for number, place in enumerate((B, A, C)):
        merge.add(place, number, at(1), 0)
    assert list(merge.ready(0, everything=True)) == [0, 1, 2]


def test_what_is_new_waits_for_a_moment_for_what_was_before_it() -> None:
    merge: Merge[str] = Merge([], HOLD)
    merge.add(B, "reserved", at(2), 10.0)
    assert list(merge.ready(10.1)) == []
    merge.add(A, "placed", at(1), 10.2)
    assert list(merge.ready(10.31)) == ["placed", "reserved"]


def test_what_keeps_coming_late_does_not_hold_up_for_ever() -> None:
    merge: Merge[float] = Merge([], HOLD)
    merge.add(B, 0, at(50), 0)
    shown: list[float] = []
    for step in range(1, 10):
        merge.add(A, step, at(step), step / 10)
        shown += merge.ready(step / 10)
    assert 0 in shown


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(0, 20))))
def test_nothing_is_lost_and_no_partition_is_reordered(coming: list[tuple[tuple[str, int], int]]) -> None:
    merge: Merge[tuple[tuple[str, int], int]] = Merge([A, B, C], HOLD)
    shown: list[tuple[tuple[str, int], int]] = []
    for number, (place, second) in enumerate(coming):
        merge.add(place, (place, number), at(second), number)
        shown += merge.ready(number)
    shown += merge.ready(0, everything=True)
    for each in (A, B, C):
        expected = [(place, number) for number, (place, _) in enumerate(coming) if place == each]
        assert [item for item in shown if item[0] == each] == expected
