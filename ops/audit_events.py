"""What must be true of events, as pure checks of the outboxes, the topics, the inboxes and the dead letters.

An event is in its topic if and only if its change was committed; a consumer that it concerns has applied it
once. What is on its way is listed as open. Which consumer applies what is written down here once more, on
purpose: an auditor that asks the audited proves less.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

Row = Mapping[str, Any]
CHOREOGRAPHY = frozenset({"CHOREOGRAPHY"})
EVERY = frozenset({"SYNC", "CHOREOGRAPHY", "ORCHESTRATION"})

APPLIES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "orders": {
        "PaymentProcessed": CHOREOGRAPHY,
        "StockReservationFailed": CHOREOGRAPHY,
        "StockReleased": CHOREOGRAPHY,
        "StockReservationExpired": frozenset({"SYNC", "ORCHESTRATION"}),
        "ShipmentDelivered": frozenset({"ORCHESTRATION"}),
    },
    "inventory": {
        "OrderPlaced": CHOREOGRAPHY,
        "PaymentProcessed": CHOREOGRAPHY,
        "PaymentFailed": CHOREOGRAPHY,
    },
    "payments": {
        "OrderPlaced": CHOREOGRAPHY,
        "StockReserved": CHOREOGRAPHY,
        "OrderCancellationRequested": CHOREOGRAPHY,
        "StockReservationExpired": CHOREOGRAPHY,
    },
    "notifications": {"OrderPlaced": CHOREOGRAPHY, "PaymentProcessed": CHOREOGRAPHY},
    "analytics": {
        "OrderPlaced": EVERY,
        "OrderCancellationRequested": EVERY,
        "OrderConfirmed": EVERY,
        "OrderCancelled": EVERY,
        "OrderAwaitingApproval": EVERY,
        "OrderApproved": EVERY,
        "OrderShipped": EVERY,
        "OrderDelivered": EVERY,
    },
}


@dataclass(frozen=True)
class Told:
    """One event as a topic has it; `first` is False for a repeat of the same event."""

    event_id: UUID
    topic: str
    partition: int
    offset: int
    key: str
    version: int
    name: str
    coordination: str
    kept: bool = True  # young enough for its outbox row to be there still


@dataclass(frozen=True)
class Events:
    """Everything that was read of events: the rows of each service by its name, and the topics."""

    outboxes: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    inboxes: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    dead_letters: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    told: Sequence[Told] = ()
    committed: Mapping[tuple[str, str, int], int] = field(default_factory=dict)  # group, topic, partition


def violations(events: Events) -> Iterator[str]:
    """What is wrong."""
    events = replace(events, told=list(_ours(events)))
    yield from _outbox_and_topic(events)
    yield from _versions(events)
    yield from _applied(events)


def _ours(events: Events) -> Iterator[Told]:
    """Without the records of others that consumers have set aside: those are known, and had no effect."""
    written = {row["event_id"] for rows in events.outboxes.values() for row in rows}
    aside = {place for consumer in APPLIES for place in _aside(consumer, events)}
    for event in events.told:
        foreign = event.kept and event.event_id not in written
        if not (foreign and (event.topic, event.partition, event.offset) in aside):
            yield event


def _outbox_and_topic(events: Events) -> Iterator[str]:
    """No event without a commit, and the reverse."""
    written = {row["event_id"]: row for rows in events.outboxes.values() for row in rows}
    told = {event.event_id: event for event in events.told}
    for event_id, event in told.items():
        if event.kept and event_id not in written:
            yield f"event {event_id} ({event.name} of {event.key}): told, but never committed"
    for event_id, row in written.items():
        if row["sent_time"] is not None and event_id not in told:
            yield f"event {event_id} ({_name(row)} of {row['key']}): marked as sent, but in no topic"
        elif event_id in told and told[event_id].version != row["version"]:
            yield f"event {event_id}: version {row['version']} was told as {told[event_id].version}"


def _versions(events: Events) -> Iterator[str]:
    """The events of one aggregate are told in their order, without a gap."""
    seen: dict[UUID, None] = {}
    versions: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in events.told:
        if event.event_id not in seen:
            seen[event.event_id] = None
            versions[event.topic, event.key].append(event.version)
    for (topic, key), found in versions.items():
        if found != list(range(1, len(found) + 1)):
            yield f"{topic}, key {key}: versions told as {found}"


def _applied(events: Events) -> Iterator[str]:
    """Each event that concerns a consumer is applied or set aside, and nothing else is."""
    known = {event.event_id for event in events.told}
    for consumer in APPLIES:
        marked = {row["event_id"] for row in events.inboxes.get(consumer, ())}
        for event in _concerning(consumer, events):
            behind = event.offset < events.committed.get((consumer, event.topic, event.partition), 0)
            if behind and event.event_id not in marked:
                yield f"event {event.event_id} ({event.name} of {event.key}): {consumer} passed it over"
        waiting = {row["event_id"] for rows in events.outboxes.values() for row in rows}
        for event_id in marked - known - waiting:
            yield f"event {event_id}: applied by {consumer}, but never told"


def _concerning(consumer: str, events: Events) -> Iterator[Told]:
    """Events that this consumer applies, without repeats and without what it has set aside."""
    aside = _aside(consumer, events)
    seen: set[UUID] = set()
    for event in events.told:
        mine = event.coordination in APPLIES[consumer].get(event.name, ())
        if mine and event.event_id not in seen and (event.topic, event.partition, event.offset) not in aside:
            seen.add(event.event_id)
            yield event


def _aside(consumer: str, events: Events) -> set[tuple[str, int, int]]:
    """Where the records stand that a consumer has set aside."""
    letters = events.dead_letters.get(consumer, ())
    return {(row["topic"], row["partition_number"], row["record_offset"]) for row in letters}


def unfinished(events: Events) -> Iterator[tuple[str, float, str]]:
    """What is on its way, as (order id, age in seconds, where it is)."""
    for service, rows in events.outboxes.items():
        for row in rows:
            if row["sent_time"] is None:
                yield str(row["key"]), row["age"], f"{_name(row)} waits in the outbox of {service}"
    for consumer in APPLIES:
        marked = {row["event_id"] for row in events.inboxes.get(consumer, ())}
        for event in _concerning(consumer, events):
            behind = event.offset < events.committed.get((consumer, event.topic, event.partition), 0)
            if event.event_id not in marked and not behind:
                yield event.key, 0.0, f"{event.name} is on its way to {consumer}"


def stuck(events: Events) -> Iterator[tuple[str, float, str]]:
    """What waits for an operator, as (key, age in seconds, where and why)."""
    for service, letters in events.dead_letters.items():
        for row in letters:
            if row["state"] == "PARKED":
                key = (row["key"] or b"").decode("utf-8", "replace")
                yield key, row["age"], f"STUCK at {service}: {row['reason']}; see `make dlq`"


def _name(row: Row) -> str:
    return str(row["type"]).rsplit(".", 1)[-1]
