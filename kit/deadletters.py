"""Records that a consumer could not use: kept in the consumer's own database, and told on `<topic>.dlq`.

A key with a parked record is parked as a whole: later records of it wait behind, in their order, until an
operator redrives or drops them. Each service that consumes has the table:

    create table dead_letters (
        dead_letter_id uuid primary key, consumer text not null, topic text not null,
        partition_number int not null, record_offset bigint not null, key bytea, value bytea,
        header_names text[] not null, header_values bytea[] not null,
        reason text not null, error text not null, attempts int not null,
        state text not null default 'PARKED' check (state in ('PARKED', 'REDRIVEN', 'DROPPED')),
        create_time timestamptz not null default clock_timestamp(),
        settle_time timestamptz, settled_by uuid);
    create index dead_letters_parked on dead_letters (topic, key, record_offset) where state = 'PARKED';
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kit.deadletter_topic import Cause, Sender, id_of, tell
from kit.errors import access_denied
from kit.events import Record
from kit.logs import log

if TYPE_CHECKING:
    from kit.database import Connection, Database

Key = tuple[str, bytes | None]


@dataclass(frozen=True)
class DeadLetter:
    """One record that was set aside, and what became of it."""

    dead_letter_id: uuid.UUID
    consumer: str
    record: Record
    cause: Cause
    state: str
    create_time: datetime
    settle_time: datetime | None
    settled_by: uuid.UUID | None


class Settled(Exception):
    """The dead letter was redriven already."""

    kind, reason = "refused", "DEAD_LETTER_SETTLED"


class DeadLetters:
    """The dead letters of one consumer."""

    def __init__(self, consumer: str, database: Database, sender: Sender) -> None:
        self.consumer = consumer
        self._database = database
        self._sender = sender
        self._parked: set[Key] = set()
        self._dropped: set[uuid.UUID] = set()

    async def load(self) -> None:
        """Learn which keys are parked, by whatever instance. None is forgotten here: one may have been parked
        meanwhile, and whether a key still is, `park_behind` asks.
        """
        async with self._database.statement() as connection:
            rows = await connection.fetch(
                "select distinct topic, key from dead_letters where consumer = $1 and state = 'PARKED'",
                self.consumer,
            )
            dropped = await connection.fetch(
                "select dead_letter_id from dead_letters where consumer = $1 and state = 'DROPPED'",
                self.consumer,
            )
        self._parked |= {(row["topic"], row["key"]) for row in rows}
        self._dropped = {row["dead_letter_id"] for row in dropped}

    def is_dropped(self, record: Record) -> bool:
        """Whether an operator has given this record up: it comes again when offsets are set back."""
        return bool(self._dropped) and id_of(self.consumer, record) in self._dropped

    async def park_behind(self, record: Record, cause: Cause) -> bool:
        """Set a record aside if an earlier one of its key is; False if there is none, or none any more."""
        place = (record.topic, record.key)
        if record.key is None or place not in self._parked:
            return False
        async with self._locked(place) as connection:
            if not await self._count(connection, place):
                self._parked.discard(place)
                return False
            await self._insert(connection, record, cause)
        await tell(self._sender, self.consumer, record, cause)
        return True

    async def park(self, record: Record, cause: Cause) -> None:
        """Set a record aside; a repeat changes nothing but may be told twice, under the same id."""
        place = (record.topic, record.key)
        async with self._locked(place) as connection:
            await self._insert(connection, record, cause)
        self._parked.add(place)
        where = f"{record.topic}[{record.partition}]@{record.offset}"
        log().error("dead_letter", consumer=self.consumer, record=where, reason=cause.reason)
        await tell(self._sender, self.consumer, record, cause)

    async def find(self, dead_letter_id: uuid.UUID) -> DeadLetter:
        """One of them; raises ACCESS_DENIED when there is none."""
        async with self._database.statement() as connection:
            row = await connection.fetchrow(
                "select * from dead_letters where dead_letter_id = $1", dead_letter_id
            )
        if row is None:
            raise access_denied()
        return _dead_letter(row)

    async def first(self, place: Key) -> DeadLetter | None:
        """The first parked record of a key."""
        async with self._database.statement() as connection:
            row = await connection.fetchrow(
                """select * from dead_letters
                    where consumer = $1 and topic = $2 and key is not distinct from $3 and state = 'PARKED'
                    order by partition_number, record_offset limit 1""",
                self.consumer,
                *place,
            )
        return None if row is None else _dead_letter(row)

    async def page(
        self, settled: bool, after: tuple[str, str, int, int] | None, size: int
    ) -> list[DeadLetter]:
        """Parked ones, or all, in the order of topic, key and offset."""
        topic, key, partition, offset = after or ("", "", -1, -1)
        async with self._database.statement() as connection:
            rows = await connection.fetch(
                """select * from dead_letters
                    where consumer = $1 and ($2 or state = 'PARKED')
                      and (topic, coalesce(key, ''), partition_number, record_offset)
                          > ($3, decode($4, 'hex'), $5::int, $6::bigint)
                    order by topic, coalesce(key, ''), partition_number, record_offset limit $7""",
                self.consumer,
                settled,
                topic,
                key,
                partition,
                offset,
                size,
            )
        return [_dead_letter(row) for row in rows]

    async def parked(self, place: Key | None = None) -> int:
        """How many are parked, of one key or of all."""
        async with self._database.statement() as connection:
            return await self._count(connection, place)

    async def settle(self, letter: DeadLetter, state: str, operator: uuid.UUID) -> DeadLetter:
        """Write that it was redriven or dropped, once. A repeat changes nothing; raises Settled."""
        place = (letter.record.topic, letter.record.key)
        async with self._locked(place) as connection:
            await connection.execute(
                """update dead_letters set state = $2, settle_time = clock_timestamp(), settled_by = $3
                    where dead_letter_id = $1 and state = 'PARKED'""",
                letter.dead_letter_id,
                state,
                operator,
            )
        found = await self.find(letter.dead_letter_id)
        if found.state != state:
            raise Settled(f"the dead letter is {found.state} already")
        if state == "DROPPED":
            self._dropped.add(letter.dead_letter_id)
        log().warning(
            "dead_letter_settled",
            dead_letter_id=str(letter.dead_letter_id),
            state=state,
            operator=str(operator),
        )
        return found

    async def failed_again(self, letter: DeadLetter, cause: Cause) -> None:
        """Write why a redrive failed."""
        async with self._database.statement() as connection:
            await connection.execute(
                """update dead_letters set reason = $2, error = $3, attempts = attempts + $4
                    where dead_letter_id = $1 and state = 'PARKED'""",
                letter.dead_letter_id,
                cause.reason,
                cause.error,
                cause.attempts,
            )

    @asynccontextmanager
    async def _locked(self, place: Key) -> AsyncIterator[Connection]:
        """One at a time a key: else a record is parked behind the last one while that one is settled."""
        name = f"{self.consumer}:{place[0]}:{(place[1] or b'').hex()}"
        async with self._database.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", name)
            yield connection

    async def _count(self, connection: Connection, place: Key | None) -> int:
        topic, key = place or (None, None)
        count = await connection.fetchval(
            """select count(*) from dead_letters where consumer = $1 and state = 'PARKED'
                  and ($2::text is null or (topic = $2 and key is not distinct from $3::bytea))""",
            self.consumer,
            topic,
            key,
        )
        return int(count)

    async def _insert(self, connection: Connection, record: Record, cause: Cause) -> None:
        await connection.execute(
            """insert into dead_letters (dead_letter_id, consumer, topic, partition_number, record_offset,
                      key, value, header_names, header_values, reason, error, attempts)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
               on conflict (dead_letter_id) do update set state = 'PARKED', reason = excluded.reason,
                      error = excluded.error, settle_time = null, settled_by = null
                where dead_letters.state = 'REDRIVEN'""",
            id_of(self.consumer, record),
            self.consumer,
            record.topic,
            record.partition,
            record.offset,
            record.key,
            record.value,
            [name for name, _ in record.headers],
            [value for _, value in record.headers],
            cause.reason,
            cause.error,
            cause.attempts,
        )


def _dead_letter(row: Any) -> DeadLetter:
    headers = tuple(zip(row["header_names"], row["header_values"], strict=True))
    where = (row["topic"], row["partition_number"], row["record_offset"])
    return DeadLetter(
        dead_letter_id=row["dead_letter_id"],
        consumer=row["consumer"],
        record=Record(*where, row["key"], row["value"], headers),
        cause=Cause(row["reason"], row["error"], row["attempts"]),
        state=row["state"],
        create_time=row["create_time"],
        settle_time=row["settle_time"],
        settled_by=row["settled_by"],
    )
