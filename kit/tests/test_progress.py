"""What may be committed: the offset behind the last gapless one that is done, whatever is done beyond it."""

import threading
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from kit.progress import Place, Progress

A, B = ("t", 0), ("t", 1)
LONG, NOT_AT_ALL = 30.0, 0.0  # seconds: bounds only, nothing here takes them


def taken(*offsets: int, place: Place = A) -> Progress:
    progress = Progress()
    progress.taken((place, offset) for offset in offsets)
    return progress


def test_nothing_is_committed_before_something_is_done() -> None:
    assert taken(5, 6).to_commit() == {}


def test_what_is_done_beyond_an_open_one_waits_for_it() -> None:
    progress = taken(5, 6, 7)
    progress.done(A, 7)
    progress.done(A, 6)
    assert progress.to_commit() == {}
    progress.done(A, 5)
    assert progress.to_commit() == {A: 8}


def test_offsets_that_a_partition_does_not_have_are_no_open_ones() -> None:
    """Kafka leaves gaps behind transactions and compaction."""
    progress = taken(3, 10, 40)
    progress.done(A, 3)
    progress.done(A, 10)
    assert progress.to_commit() == {A: 11}


def test_an_offset_is_told_once() -> None:
    progress = taken(1, 2)
    progress.done(A, 1)
    assert progress.to_commit() == {A: 2}
    assert progress.to_commit() == {}
    progress.done(A, 2)
    assert progress.to_commit() == {A: 3}


def test_partitions_do_not_wait_for_each_other() -> None:
    progress = taken(1)
    progress.taken([(B, 100)])
    progress.done(B, 100)
    assert progress.to_commit() == {B: 101}


def test_a_partition_that_was_given_up_is_not_committed_any_more() -> None:
    progress = taken(1, 2)
    progress.done(A, 1)
    progress.forget([A])
    progress.done(A, 2)
    assert progress.to_commit() == {}


def test_a_partition_that_comes_back_begins_where_it_is_read_again() -> None:
    progress = taken(7, 8)
    for offset in (7, 8):
        progress.done(A, offset)
    assert progress.to_commit() == {A: 9}
    progress.forget([A])
    progress.taken([(A, 7)])  # another member has had no time to commit
    progress.done(A, 7)
    assert progress.to_commit() == {A: 8}


def test_one_that_was_never_taken_or_is_done_twice_changes_nothing() -> None:
    progress = taken(1, 2)
    progress.done(A, 9)
    progress.done(B, 1)
    progress.done(A, 1)
    progress.done(A, 1)
    assert progress.to_commit() == {A: 2}


def test_a_partition_that_begins_with_offset_zero_is_committed() -> None:
    progress = taken(0)
    progress.done(A, 0)
    assert progress.to_commit() == {A: 1}


def told_after(work: Callable[[], None], wait: Callable[[], bool]) -> bool:
    """What `wait` says when `work` is done while another thread waits."""
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(wait()))
    waiting.start()
    work()
    waiting.join(LONG)
    return answers == [True]


def test_the_reader_goes_on_when_fewer_are_worked_on() -> None:
    progress = taken(1, 2)
    assert not progress.wait_below(2, NOT_AT_ALL)
    assert progress.wait_below(3, NOT_AT_ALL)
    assert told_after(lambda: progress.done(A, 1), lambda: progress.wait_below(2, LONG))


def test_one_that_is_done_behind_an_open_one_counts_as_long_as_that_is_open() -> None:
    progress = taken(1, 2)
    progress.done(A, 2)
    assert not progress.wait_below(2, NOT_AT_ALL)
    progress.done(A, 1)
    assert progress.wait_below(1, NOT_AT_ALL)


def test_partitions_that_are_given_up_are_waited_for_alone() -> None:
    progress = taken(1)
    progress.taken([(B, 1)])
    assert not progress.wait_below(1, NOT_AT_ALL, [B])
    assert told_after(lambda: progress.done(B, 1), lambda: progress.wait_below(1, LONG, iter([B])))
    assert not progress.wait_below(1, NOT_AT_ALL, [A])
    assert not progress.wait_below(1, NOT_AT_ALL)
    assert progress.wait_below(1, NOT_AT_ALL, [])


def test_who_waits_for_a_partition_that_is_forgotten_goes_on() -> None:
    progress = taken(1)
    assert told_after(lambda: progress.forget([A]), lambda: progress.wait_below(1, LONG))


@given(st.data())
def test_whatever_the_order_the_first_open_one_is_what_a_crash_goes_on_with(data: st.DataObject) -> None:
    places: list[Place] = [A, B]
    offsets = {
        place: sorted(data.draw(st.sets(st.integers(0, 50), min_size=1, max_size=10))) for place in places
    }
    every = [(place, offset) for place in places for offset in offsets[place]]
    progress, committed = Progress(), dict[Place, int]()
    progress.taken(every)
    left = set(every)
    for place, offset in data.draw(st.permutations(every)):
        progress.done(place, offset)
        left.discard((place, offset))
        if data.draw(st.booleans()):
            continue
        moved = progress.to_commit()
        assert all(committed.get(place, -1) < moved[place] for place in moved)
        committed |= moved
        for each in places:
            done = [o for o in offsets[each] if all(o < other for where, other in left if where == each)]
            assert committed.get(each) == (done[-1] + 1 if done else None)
