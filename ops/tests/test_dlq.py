"""Dead letters and lags in a person's words."""

from __future__ import annotations

from typing import cast

import pytest

from ops import dlq, event_parts, lag, topology
from ops.columns import aligned
from ops.errors import SuiteError
from ops.event_parts import EventPart
from ops.tests.examples import ORDER, PLACED, SECRET_BYTES, record
from ordermesh.events.v1 import events_pb2
from ordermesh.events.v1 import events_service_pb2 as pb
from ordermesh.events.v1.events_pb2 import DeadLetter

ID = "c33960fa-2d8b-5e2a-95c0-a50828fbc9e9"


def letter(value: bytes, state: str = "PARKED") -> DeadLetter:
    given = record(PLACED, value)
    made = DeadLetter(
        dead_letter_id=ID,
        consumer="inventory",
        topic=given.topic,
        partition=given.partition,
        offset=given.offset,
        key=str(ORDER),
        reason="UNDECODABLE",
        error="the value is no OrderPlaced",
        attempts=1,
        state=events_pb2.DeadLetterState.Value(f"DEAD_LETTER_STATE_{state}"),
        headers=[events_pb2.RecordHeader(name=name, value=text) for name, text in given.headers],
        value=value,
    )
    made.create_time.FromSeconds(1_000_000)
    if state != "PARKED":
        made.settle_time.FromSeconds(1_000_060)
        made.settled_by = "00000000-0000-4000-8000-000000000136"
    return made


class Part:
    """A service with these dead letters; without any it is down."""

    def __init__(self, name: str, *letters: DeadLetter) -> None:
        self.name = name
        self._letters = letters

    def dead_letters(self, settled: bool) -> list[DeadLetter]:
        if not self._letters:
            raise SuiteError(f"{self.name}: UNAVAILABLE")
        return list(self._letters)


def test_a_line_of_the_list_says_where_what_why_and_since_when() -> None:
    assert dlq.row(letter(SECRET_BYTES), 1_000_125).split("  ") == [
        ID,
        "ordermesh.orders.v1[2]@17",
        f"key {ORDER}",
        "UNDECODABLE",
        "1 try",
        "2m 05s ago",
    ]
    assert dlq.row(letter(SECRET_BYTES, "DROPPED"), 1_000_125).endswith("  DROPPED")


def test_a_value_that_can_be_read_is_shown_without_its_token() -> None:
    lines = dlq.shown("inventory", letter(PLACED.SerializeToString()))
    assert "    payment_token=***" in lines
    assert "  value     OrderPlaced" in lines
    assert "  header    ce_coordination: CHOREOGRAPHY" in lines
    assert not any("tok_secret" in line for line in lines)


def test_a_value_that_cannot_be_read_is_only_counted() -> None:
    lines = dlq.shown("inventory", letter(SECRET_BYTES, "REDRIVEN"))
    assert lines[-1].startswith("  value     12 bytes, cannot be read (UNDECODABLE")
    assert any(line.startswith("  settled   1970-01-12T13:47:40.000Z by 0000") for line in lines)
    assert not any("tok_secret" in line for line in lines)


def test_a_dead_letter_is_found_behind_a_service_that_is_down() -> None:
    parts = cast(list[EventPart], [Part("orders"), Part("inventory", letter(SECRET_BYTES))])
    assert dlq.find(parts, ID)[0].name == "inventory"


def test_what_is_not_found_says_who_could_not_be_asked() -> None:
    parts = cast(list[EventPart], [Part("orders"), Part("inventory", letter(SECRET_BYTES))])
    with pytest.raises(SuiteError, match=f"no dead letter {ORDER}; could not ask orders: UNAVAILABLE"):
        dlq.find(parts, str(ORDER))
    with pytest.raises(SuiteError, match="`make dlq ALL=1` lists all there are"):
        dlq.find(parts[1:], str(ORDER))


def test_two_wishes_at_once_are_refused() -> None:
    with pytest.raises(SuiteError, match="not several"):
        dlq.dlq(show=ID, redrive="", drop=ID, everything=False, suite="scratch")


def test_the_services_with_events_are_those_with_the_broker_among_their_peers() -> None:
    assert event_parts.names({"a": ("kafka",), "b": (), "c": ("users", "kafka")}) == ["a", "c"]
    assert set(event_parts.names()) <= set(topology.SERVICES)


def test_a_service_has_a_line_for_each_consumer_and_one_when_it_has_none_or_is_down() -> None:
    consumer = events_pb2.ConsumerState(consumer="orders", applied=4, skipped=2, parked=1)
    flow = pb.GetEventFlowResponse(unsent=3, oldest_unsent_seconds=61.5, consumers=[consumer])
    assert lag.rows("orders", flow) == [("orders", 3, "1m 01s", 4, 0, 2, 0, 1)]
    assert lag.rows("orders", pb.GetEventFlowResponse()) == [("orders", 0, "", "", "", "", "", "")]
    down = lag.rows("orders", "UNAVAILABLE : upstream connect error")
    assert down == [("orders", "down (UNAVAILABLE)", "", "", "", "", "", "")]


def test_numbers_stand_to_the_right_of_their_column() -> None:
    assert aligned([("group", "behind"), ("orders", 7), ("a", 12)]) == [
        "group   behind",
        "orders       7",
        "a           12",
    ]
    assert aligned([]) == []
