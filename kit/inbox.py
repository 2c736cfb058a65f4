"""The inbox: an event has its effect once per consumer, however often it is delivered.

The mark is written in the transaction of the effect. Marks are kept for ever, as the topics are: a consumer
whose offsets are set back finds that all has been done. Each service that consumes has the table:

    create table inbox (
        consumer text not null, event_id uuid not null, create_time timestamptz not null default now(),
        primary key (consumer, event_id));
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.database import Connection, Database


class AlreadyApplied(Exception):
    """The event has had its effect before; what is under way is rolled back."""


class Stale(Exception):
    """The event is new, but its version of its aggregate, or a later one, has had its effect."""


@asynccontextmanager
async def transaction(
    database: Database, consumer: str, event_id: uuid.UUID | None
) -> AsyncIterator[Connection]:
    """A transaction, which has marked the event as applied if it is the effect of one. Raises AlreadyApplied;
    a repeat at the same time waits for the first.
    """
    if event_id is None:
        async with database.transaction() as connection:
            yield connection
        return
    mark = (
        f"insert into inbox (consumer, event_id) values ('{consumer}', '{event_id}') on conflict do nothing"  # noqa: S608 - a UUID
    )
    async with database.begun_with(mark) as (connection, said):
        if said != "INSERT 0 1":
            raise AlreadyApplied
        yield connection


@asynccontextmanager
async def first_of_several(
    database: Database, consumer: str, event_id: uuid.UUID
) -> AsyncIterator[Connection]:
    """For an effect of several transactions, the first: raises AlreadyApplied if the last is done."""
    find = f"select from inbox where consumer = '{consumer}' and event_id = '{event_id}'"
    async with database.begun_with(find) as (connection, said):
        if said != "SELECT 0":
            raise AlreadyApplied
        yield connection


async def mark(connection: Connection, consumer: str, event_id: uuid.UUID) -> None:
    """Note that an event is applied, or has been before."""
    await connection.execute(
        "insert into inbox (consumer, event_id) values ($1, $2) on conflict do nothing", consumer, event_id
    )
