"""The notifications service's table: one row a message."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from kit import inbox, outbox
from kit.database import Connection, Database
from kit.outbox import Relay, Written
from services.notifications.domain import LEASE, Decision, Fact, Kind, Notification, State, Terms
from services.notifications.usecases import ListNotifications

CONSUMER = "notifications"
TOPIC = "ordermesh.notifications.v1"


class NotificationsTransaction:
    """One transaction on the notifications database."""

    def __init__(self, connection: Connection, to_event: Callable[[Fact], Message]) -> None:
        self._connection = connection
        self._to_event = to_event
        self._coordination = ""
        self.written: list[Written] = []

    async def notification(self, wanted: Notification, coordination: str) -> tuple[Notification, datetime]:
        """The message as it is now, locked, and the database's time; `wanted` if it is not known yet. Two
        first requests meet at the row that the insert makes. No unique index is left out of its conflict: the
        insert would wait at that one with its row half made, and an update of the first one's row for it.
        """
        row = await self._connection.fetchrow(
            """insert into notifications (notification_id, order_id, kind, coordination)
               values ($1, $2, $3, $4) on conflict do nothing
               returning *, clock_timestamp() as now""",
            wanted.notification_id,
            wanted.order_id,
            wanted.kind,
            coordination,
        )
        if row is None:
            row = await self._connection.fetchrow(
                """select *, clock_timestamp() as now from notifications
                    where notification_id = $1 for update""",
                wanted.notification_id,
            )
        assert row is not None  # noqa: S101 - inserted here or by somebody else; none is deleted
        self._coordination = row["coordination"]
        return _notification(row), row["now"]

    async def record(self, decision: Decision) -> None:
        """Write the message, then what is true from now on: one fact an order, so its version is 1."""
        notification, terms = decision.notification, decision.notification.terms
        await self._connection.execute(
            """update notifications set state = $2, customer_id = $3, total_minor = $4, currency_code = $5,
                      attempts = $6, next_attempt_time = $7, send_time = $8
                where notification_id = $1""",
            notification.notification_id,
            notification.state,
            terms and terms.customer_id,
            terms and terms.total_minor,
            terms and terms.currency_code,
            notification.attempts,
            notification.next_attempt_time,
            notification.send_time,
        )
        events = [(n, self._to_event(fact)) for n, fact in enumerate(decision.facts, 1)]
        if events:
            order_id, coordination = notification.order_id, self._coordination
            self.written.append(await outbox.write(self._connection, TOPIC, order_id, events, coordination))

    async def page(self, query: ListNotifications) -> list[Notification]:
        """The messages of a page, newest first, and one more if there is another page."""
        after = query.after
        rows = await self._connection.fetch(
            """select * from notifications
                where state <> 'NONE'
                  and ($1::uuid is null or customer_id = $1) and ($2::uuid is null or order_id = $2)
                  and ($3::timestamptz is null or (create_time, notification_id) < ($3, $4::uuid))
                order by create_time desc, notification_id desc limit $5""",
            query.customer_id,
            query.order_id,
            after and after.create_time,
            after and after.notification_id,
            query.size + 1,
        )
        return [_notification(row) for row in rows]

    async def take_overdue(self, limit: int) -> list[Notification]:
        """Pending messages that are to be tried now; they are ours for a lease."""
        rows = await self._connection.fetch(
            """update notifications set next_attempt_time = clock_timestamp() + $2::interval
                where notification_id in (
                      select notification_id from notifications
                       where state = 'PENDING' and next_attempt_time <= clock_timestamp()
                       order by next_attempt_time limit $1 for update skip locked)
               returning *""",
            limit,
            LEASE,
        )
        return [_notification(row) for row in rows]


def _notification(row: asyncpg.Record) -> Notification:
    known = row["customer_id"] is not None
    return Notification(
        notification_id=row["notification_id"],
        order_id=row["order_id"],
        kind=Kind(row["kind"]),
        state=State(row["state"]),
        terms=Terms(row["customer_id"], row["total_minor"], row["currency_code"]) if known else None,
        attempts=row["attempts"],
        next_attempt_time=row["next_attempt_time"],
        create_time=row["create_time"],
        send_time=row["send_time"],
    )


class NotificationsUnitOfWork:
    """Opens transactions on the notifications database, and sends the events that they wrote."""

    def __init__(self, database: Database, relay: Relay, to_event: Callable[[Fact], Message]) -> None:
        self._database = database
        self._relay = relay
        self._to_event = to_event

    @asynccontextmanager
    async def begin(self, event_id: UUID | None = None) -> AsyncIterator[NotificationsTransaction]:
        """One transaction, committed when the block ends well; the effect of an event, if it is one."""
        async with inbox.transaction(self._database, CONSUMER, event_id) as connection:
            tx = NotificationsTransaction(connection, self._to_event)
            yield tx
        for written in tx.written:
            self._relay.committed(written)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[NotificationsTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield NotificationsTransaction(connection, self._to_event)
