"""The auditor of events finds each kind of wrong, and tells what is only on its way."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from ops.audit_events import Events, Told, stuck, unfinished, violations

ORDER = str(UUID(int=1))
ORDERS, INVENTORY = "ordermesh.orders.v1", "ordermesh.inventory.v1"
PLACED = Told(UUID(int=10), ORDERS, 0, 0, ORDER, 1, "OrderPlaced", "CHOREOGRAPHY")
RESERVED = Told(UUID(int=11), INVENTORY, 0, 0, ORDER, 1, "StockReserved", "CHOREOGRAPHY")
MARKED = {
    "inventory": [{"event_id": PLACED.event_id}],
    "notifications": [{"event_id": PLACED.event_id}],
    "payments": [{"event_id": PLACED.event_id}, {"event_id": RESERVED.event_id}],
    "analytics": [{"event_id": PLACED.event_id}],
}


def written(event: Told, **changes: Any) -> dict[str, Any]:
    known = {"event_id": event.event_id, "topic": event.topic, "key": UUID(ORDER), "version": event.version}
    return {**known, "type": f"{event.topic}.{event.name}", "sent_time": 1, "age": 2.0, **changes}


HEALTHY = Events(
    outboxes={"orders": [written(PLACED)], "inventory": [written(RESERVED)]},
    inboxes=MARKED,
    told=[PLACED, replace(PLACED, offset=1), RESERVED],
    committed={(group, topic, 0): 2 for group in MARKED for topic in (ORDERS, INVENTORY)},
)


def without(table: dict[str, Any], name: str, *rows: Any) -> dict[str, Any]:
    return {**table, name: list(rows)}


def test_a_healthy_suite_has_no_violation_and_nothing_open_though_an_event_was_told_twice() -> None:
    assert list(violations(HEALTHY)) == []
    assert list(unfinished(HEALTHY)) == []


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (replace(HEALTHY, outboxes={"inventory": [written(RESERVED)]}), "told, but never committed"),
        (replace(HEALTHY, told=[PLACED]), "marked as sent, but in no topic"),
        (replace(HEALTHY, told=[replace(PLACED, version=2), RESERVED]), "version 1 was told as 2"),
        (replace(HEALTHY, told=[PLACED, replace(RESERVED, version=2)]), "versions told as [2]"),
        (replace(HEALTHY, inboxes=without(MARKED, "inventory")), "inventory passed it over"),
        (
            replace(
                HEALTHY,
                inboxes=without(MARKED, "inventory", *MARKED["inventory"], {"event_id": UUID(int=99)}),
            ),
            "applied by inventory, but never told",
        ),
    ],
)
def test_each_rule_finds_what_breaks_it(events: Events, said: str) -> None:
    assert any(said in violation for violation in violations(events))


def test_an_old_event_whose_row_is_forgotten_is_no_violation() -> None:
    old = replace(
        HEALTHY, outboxes={"inventory": [written(RESERVED)]}, told=[replace(PLACED, kept=False), RESERVED]
    )
    assert list(violations(old)) == []


def test_what_is_not_sent_and_what_is_not_read_yet_is_open() -> None:
    unsent = replace(HEALTHY, outboxes={**HEALTHY.outboxes, "orders": [written(PLACED, sent_time=None)]})
    assert list(unfinished(unsent)) == [(ORDER, 2.0, "OrderPlaced waits in the outbox of orders")]
    unread = replace(HEALTHY, inboxes=without(MARKED, "inventory"), committed={})
    assert list(violations(unread)) == []
    assert list(unfinished(unread)) == [(ORDER, 0.0, "OrderPlaced is on its way to inventory")]


def test_a_parked_event_is_stuck_and_not_passed_over() -> None:
    letter = {"topic": ORDERS, "partition_number": 0, "record_offset": 0, "key": ORDER.encode()}
    row = {**letter, "reason": "HANDLER_FAILED", "state": "PARKED", "age": 5.0}
    parked = replace(
        HEALTHY,
        told=[PLACED, RESERVED],
        inboxes=without(MARKED, "inventory"),
        dead_letters={"inventory": [row]},
    )
    assert list(violations(parked)) == []
    assert list(stuck(parked)) == [(ORDER, 5.0, "STUCK at inventory: HANDLER_FAILED; see `make dlq`")]


def test_a_record_of_somebody_else_is_no_violation_once_it_is_set_aside() -> None:
    foreign = replace(PLACED, event_id=UUID(int=77), key="another", offset=5)
    told = replace(HEALTHY, told=[*HEALTHY.told, foreign])
    assert any("told, but never committed" in said for said in violations(told))
    letter = {"topic": ORDERS, "partition_number": 0, "record_offset": 5, "key": b"another"}
    row = {**letter, "reason": "UNDECODABLE", "state": "DROPPED", "age": 5.0}
    assert list(violations(replace(told, dead_letters={"payments": [row]}))) == []
