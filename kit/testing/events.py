"""The tables that a service needs for events, and a sender that only remembers."""

from kit.background import Background
from kit.database import Database
from kit.events import Event
from kit.outbox import Relay

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
