"""The inbox: an event has its effect once per consumer, however often it is delivered.

The mark is written in the transaction of the effect. Marks are kept for ever, as the topics are: a consumer
whose offsets are set back finds that all has been done. Each service that consumes has the table:

    create table inbox (
        consumer text not null, event_id uuid not null, create_time timestamptz not null default now(),
        primary key (consumer, event_id));
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.database import Connection


class AlreadyApplied(Exception):
    """The event has had its effect before; what is under way is rolled back."""


class Stale(Exception):
    """The event is new, but its version of its aggregate, or a later one, has had its effect."""


async def mark(connection: Connection, consumer: str, event_id: uuid.UUID) -> None:
    """Note in the transaction of its effect that an event is applied. Raises AlreadyApplied; a repeat at the
    same time waits for the first.
    """
    if not await try_mark(connection, consumer, event_id):
        raise AlreadyApplied


async def try_mark(connection: Connection, consumer: str, event_id: uuid.UUID) -> bool:
    """The same; False if the event was applied before."""
    marked = await connection.fetchval(
        "insert into inbox (consumer, event_id) values ($1, $2) on conflict do nothing returning true",
        consumer,
        event_id,
    )
    return bool(marked)


async def check(connection: Connection, consumer: str, event_id: uuid.UUID) -> None:
    """For an effect of several transactions, before the first: raises AlreadyApplied if the last is done."""
    found = await connection.fetchval(
        "select true from inbox where consumer = $1 and event_id = $2", consumer, event_id
    )
    if found:
        raise AlreadyApplied
