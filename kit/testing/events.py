"""The tables that a service needs for events, senders that only remember, and records for its consumer."""

import itertools
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message

from kit.background import Background
from kit.database import Database
from kit.events import Event, Record, headers, type_of
from kit.outbox import Relay

_offsets = itertools.count()

TABLES = """-- migrate:up
create table outbox (
    event_id uuid primary key,
    topic text not null,
    key uuid not null,
    version bigint not null,
    type text not null,
    coordination text not null,
    traceparent text not null,
    payload bytea not null,
    create_time timestamptz not null default clock_timestamp(),
    sent_time timestamptz
);
create index outbox_unsent on outbox (key, topic, version) where sent_time is null;
create index outbox_sent on outbox (sent_time) where sent_time is not null;

create table inbox (
    consumer text not null,
    event_id uuid not null,
    create_time timestamptz not null default now(),
    primary key (consumer, event_id)
);

create table dead_letters (
    dead_letter_id uuid primary key,
    consumer text not null,
    topic text not null,
    partition_number int not null,
    record_offset bigint not null,
    key bytea,
    value bytea,
    header_names text[] not null,
    header_values bytea[] not null,
    reason text not null,
    error text not null,
    attempts int not null,
    state text not null default 'PARKED' check (state in ('PARKED', 'REDRIVEN', 'DROPPED')),
    create_time timestamptz not null default clock_timestamp(),
    settle_time timestamptz,
    settled_by uuid
);
create index dead_letters_parked on dead_letters (topic, key, record_offset) where state = 'PARKED';

-- migrate:down
"""
"""What the migrations of a service that has to do with events make; a test holds them against this."""


class Remembering:
    """A sender that takes every event and keeps it."""

    def __init__(self) -> None:
        self.taken: list[Event] = []

    async def publish(self, event: Event) -> None:
        """Take it."""
        self.taken.append(event)

    @property
    def types(self) -> list[str]:
        """The names of the events taken, without their packages."""
        return [event.type.rsplit(".", 1)[-1] for event in self.taken]


def relay_to(sender: Remembering, database: Database) -> Relay:
    """A relay of a test; what it sends is there as soon as the test has waited once."""
    return Relay(database, sender, Background())


@dataclass(frozen=True)
class Sent:
    """One record that was sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    def about(self, name: str) -> str:
        """The text of its last header of that name."""
        return dict(self.headers)[name].decode()


@dataclass
class RememberingRecords:
    """A sender for dead letters that takes every record and keeps it."""

    taken: list[Sent] = field(default_factory=list)

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, with_headers: list[tuple[str, bytes]]
    ) -> None:
        """Take it."""
        self.taken.append(Sent(topic, key, value, with_headers))


def event_of(message: Message, key: uuid.UUID, version: int = 1, coordination: str = "CHOREOGRAPHY") -> Event:
    """An event as the owner of its message would publish it: the topic is named after the package."""
    return Event(
        event_id=uuid.uuid4(),
        topic=message.DESCRIPTOR.file.package,
        key=key,
        version=version,
        type=type_of(message),
        coordination=coordination,
        traceparent="",
        time=datetime.now(UTC),
        payload=message.SerializeToString(),
    )


def record_of(event: Event, **changed: Any) -> Record:
    """The record of an event, behind all that were made before, or one that differs from it as told."""
    place = (event.topic, 0, next(_offsets))
    return replace(Record(*place, str(event.key).encode(), event.payload, tuple(headers(event))), **changed)


def without_header(event: Event, name: str) -> tuple[tuple[str, bytes], ...]:
    """The headers of an event, but this one."""
    return tuple(header for header in headers(event) if header[0] != name)
