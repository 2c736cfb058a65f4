"""The transactional outbox: events are rows in the transaction of their change, sent until acknowledged.

The committer sends at once. What a crash or a broker that is away leaves behind, a sweep sends. The order of
one aggregate's events is kept: a row is sent only if no earlier one of its aggregate is unsent. There is no
cursor, so a long transaction cannot make a row be skipped. Each service that publishes has the table:

    create table outbox (
        event_id uuid primary key, topic text not null, key uuid not null, version bigint not null,
        type text not null, coordination text not null, traceparent text not null, payload bytea not null,
        create_time timestamptz not null default clock_timestamp(), sent_time timestamptz);
    create index outbox_unsent on outbox (key, topic, version) where sent_time is null;
    create index outbox_sent on outbox (sent_time) where sent_time is not null;
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import kit
from kit import telemetry
from kit.background import Background
from kit.errors import Problem
from kit.events import Event, type_of
from kit.ids import new_id
from kit.logs import log

if TYPE_CHECKING:
    import asyncpg
    from google.protobuf.message import Message

    from kit.database import Connection, Database

SHARDS = 16  # a power of two: a hash can be the one number that abs() refuses
LOCK_CLASS = 0x6F75  # "ou": the advisory locks of relays
SWEEP_BATCH = 500
LEFT_BEHIND = timedelta(seconds=1)
"""A row that is unsent for so long was left by its committer."""

_COLUMNS = "event_id, topic, key, version, type, coordination, traceparent, payload, create_time"


class Sender(Protocol):
    """Where events go."""

    async def publish(self, event: Event) -> None:
        """Return when it is there; raises a Problem otherwise."""


@dataclass(frozen=True)
class Written:
    """Events of one aggregate written by one transaction; `first`: no earlier one was unsent then."""

    events: tuple[Event, ...]
    first: bool


async def write(
    connection: Connection,
    topic: str,
    key: uuid.UUID,
    messages: Sequence[tuple[int, Message]],
    coordination: str,
) -> Written:
    """Write events, (version, message) each, in the transaction of the change they tell of."""
    traceparent = telemetry.traceparent()
    rows = await connection.fetch(
        f"""insert into outbox (event_id, topic, key, version, type, coordination, traceparent, payload)
            select id, $2, $3, version, type, $4, $5, payload
              from unnest($1::uuid[], $6::bigint[], $7::text[], $8::bytea[])
                   as new (id, version, type, payload)
            returning {_COLUMNS}, exists (select from outbox o
              where o.key = $3 and o.topic = $2 and o.sent_time is null) as waiting""",  # noqa: S608
        [new_id() for _ in messages],
        topic,
        key,
        coordination,
        traceparent,
        [version for version, _ in messages],
        [type_of(message) for _, message in messages],
        [message.SerializeToString() for _, message in messages],
    )
    kit.crashpoint("outbox.before_commit")
    events = sorted((_event(row) for row in rows), key=lambda event: event.version)
    return Written(tuple(events), first=not any(row["waiting"] for row in rows))


class Relay:
    """Sends what transactions have written. Several processes may do so at once."""

    def __init__(self, database: Database, sender: Sender, background: Background) -> None:
        self._database = database
        self._sender = sender
        self._background = background
        self._last: dict[tuple[str, uuid.UUID], tuple[asyncio.Task[bool], int]] = {}  # and its last version
        self._sent: list[uuid.UUID] = []
        self._marking: asyncio.Task[None] | None = None

    def committed(self, written: Written) -> None:
        """Send at once, behind what is on its way of the same aggregate; called after the commit."""
        if not written.events:
            return
        place = (written.events[0].topic, written.events[0].key)
        before, version = self._last.get(place, (None, 0))
        follows = before is not None and version + 1 == written.events[0].version
        if not follows and not written.first:
            return  # one before it was written by somebody else: the sweep sends both, in order
        task = self._background.spawn(self._send(written.events, before), "relay")
        self._last[place] = (task, written.events[-1].version)
        task.add_done_callback(lambda done: self._forget(place, done))

    async def sweep(self) -> int:
        """Send what was left behind, shard by shard; returns how many events were sent."""
        sent = 0
        async with self._database.statement() as connection:
            shards = await connection.fetch(
                f"""select distinct hashtext(key::text) & {SHARDS - 1} as shard from outbox
                     where sent_time is null and create_time < clock_timestamp() - $1::interval""",  # noqa: S608
                LEFT_BEHIND,
            )
        for shard in [row["shard"] for row in shards]:
            async with self._database.transaction() as connection:
                if not await connection.fetchval(
                    "select pg_try_advisory_xact_lock($1, $2)", LOCK_CLASS, shard
                ):
                    continue  # another relay is at it
                rows = await connection.fetch(
                    f"""select {_COLUMNS} from outbox
                         where sent_time is null and create_time < clock_timestamp() - $1::interval
                           and hashtext(key::text) & {SHARDS - 1} = $2
                         order by topic, key, version limit {SWEEP_BATCH}""",  # noqa: S608
                    LEFT_BEHIND,
                    shard,
                )
                sent += await self._send_in_order([_event(row) for row in rows])
        return sent

    async def forget(self, age: timedelta) -> None:
        """Delete what was sent so long ago."""
        async with self._database.statement() as connection:
            await connection.execute(
                "delete from outbox where sent_time < clock_timestamp() - $1::interval", age
            )

    async def lag(self) -> tuple[int, float]:
        """How many events wait, and the age of the oldest in seconds."""
        async with self._database.statement() as connection:
            row = await connection.fetchrow(
                """select count(*) as rows, extract(epoch from clock_timestamp() - min(create_time)) as age
                     from outbox where sent_time is null"""
            )
        assert row is not None  # noqa: S101 - an aggregate always has a row
        return row["rows"], float(row["age"] or 0)

    async def _send_in_order(self, events: list[Event]) -> int:
        """Each aggregate's events one after the other; the first that fails ends its aggregate's turn."""
        chains: dict[tuple[str, uuid.UUID], list[Event]] = {}
        for event in events:
            chains.setdefault((event.topic, event.key), []).append(event)
        done = await asyncio.gather(*(self._send(tuple(chain), None) for chain in chains.values()))
        return sum(len(chain) for chain, sent in zip(chains.values(), done, strict=True) if sent)

    async def _send(self, events: tuple[Event, ...], before: asyncio.Task[bool] | None) -> bool:
        """True when all are there; False leaves the rest to the sweep."""
        if before is not None and not await asyncio.shield(before):
            return False
        for event in events:
            kit.crashpoint("relay.before_publish")
            try:
                await self._sender.publish(event)
            except Problem as problem:
                log().warning("event_waits", event_id=str(event.event_id), reason=problem.reason)
                return False
            kit.crashpoint("relay.after_publish")
            self._sent.append(event.event_id)
        await self._marked()
        return True

    async def _marked(self) -> None:
        """Wait until what was sent is marked; marks that come while one is being written go together."""
        while self._sent or (self._marking is not None and not self._marking.done()):
            if self._marking is None or self._marking.done():
                self._marking = self._background.spawn(self._write_marks(), "mark sent")
            await asyncio.shield(self._marking)

    async def _write_marks(self) -> None:
        """A mark that a crash of the database loses only sends an event again, so it waits for no disk."""
        batch, self._sent = self._sent, []
        try:
            async with self._database.statement() as connection:
                await connection.execute(
                    """update outbox set sent_time = clock_timestamp()
                         from (select set_config('synchronous_commit', 'off', true)) as of_this_statement
                        where event_id = any($1)""",
                    batch,
                )
        except Problem as problem:  # the sweep sends them again; receivers know them by their ids
            log().warning("marks_not_written", events=len(batch), reason=problem.reason)

    def _forget(self, place: tuple[str, uuid.UUID], done: asyncio.Task[bool]) -> None:
        if self._last.get(place, (None, 0))[0] is done:
            del self._last[place]


def _event(row: asyncpg.Record | Any) -> Event:
    values = {name: row[name] for name in _COLUMNS.split(", ") if name != "create_time"}
    return Event(**values, time=row["create_time"])
