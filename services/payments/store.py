"""The payments service's table: one row an order."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from kit import inbox, outbox
from kit.database import Connection, Database
from kit.errors import access_denied
from kit.outbox import Relay, Written
from services.payments.domain import Decision, Fact, Payment, State, Terms

CONSUMER = "payments"
TOPIC = "ordermesh.payments.v1"
ToEvent = Callable[[Fact, Payment], Message]
LEASE = timedelta(seconds=5)
"""How long an open payment belongs to whoever works on it; each sweep doubles it."""
LONGEST_LEASE = timedelta(seconds=30)
_OPEN = "(state in ('CHARGING', 'AUTHORIZING', 'CAPTURING') or (state = 'AUTHORIZED' and cancel_requested))"
"""As `Payment.is_open` has it, and the index of open payments."""


class PaymentsTransaction:
    """One transaction on the payments database."""

    def __init__(self, connection: Connection, to_event: ToEvent) -> None:
        self._connection = connection
        self._to_event = to_event
        self._told: tuple[int, str] = (0, "")  # of the payment: events so far, coordination
        self.written: list[Written] = []

    async def payment(self, order_id: UUID, coordination: str) -> tuple[Payment, datetime]:
        """The order's payment, locked, and the database's time. Two first messages of an order meet at
        the row that the insert makes, and the first one's coordination stays.
        """
        row = await self._connection.fetchrow(
            """insert into payments (order_id, coordination) values ($1, $2)
               on conflict (order_id) do update set order_id = excluded.order_id
               returning *, clock_timestamp() as now""",
            order_id,
            coordination,
        )
        assert row is not None  # noqa: S101 - inserted above
        self._told = (row["version"], row["coordination"])
        return _payment(row), row["now"]

    async def mark(self, event_id: UUID) -> None:
        """The event has had its effect, or somebody else sees to it."""
        await inbox.mark(self._connection, CONSUMER, event_id)

    async def record(self, decision: Decision) -> None:
        """Write the payment, then what is true from now on; an open payment is to be looked after by the
        sweeper when the lease is over.
        """
        payment, terms = decision.payment, decision.payment.terms
        await self._connection.execute(
            """update payments set state = $2, customer_id = $3, amount_minor = $4, currency_code = $5,
                      payment_token = $6, reason = $7, decline_code = $8, cancel_requested = $9,
                      cancel_reason = $10, update_time = $11, stock_reserved = $13, version = $14,
                      authorize_first = $15,
                      charge_started_time = case when $16
                          then coalesce(charge_started_time, $11) else charge_started_time end,
                      sweeps = case when $16 then sweeps else 0 end,
                      next_attempt_time = case when $16
                          then least(next_attempt_time, clock_timestamp() + $12::interval) end
                where order_id = $1 and (state, cancel_requested, stock_reserved, customer_id)
                      is distinct from ($2, $9, $13, $3)""",
            payment.order_id,
            payment.state,
            terms and terms.customer_id,
            terms and terms.amount_minor,
            terms and terms.currency_code,
            terms and terms.payment_token,
            payment.reason,
            payment.decline_code,
            payment.cancel_requested,
            payment.cancel_reason,
            payment.update_time,
            LEASE,
            payment.stock_reserved,
            self._told[0] + len(decision.facts),
            payment.authorize_first,
            payment.is_open,
        )
        version, coordination = self._told
        events = [(version + n, self._to_event(fact, payment)) for n, fact in enumerate(decision.facts, 1)]
        if events:
            written = await outbox.write(self._connection, TOPIC, payment.order_id, events, coordination)
            self.written.append(written)

    async def read_payment(self, order_id: UUID, customer_id: UUID | None) -> Payment:
        """The payment of an order of this customer, or of anybody's; unknown and foreign look the same."""
        row = await self._connection.fetchrow(
            """select * from payments where order_id = $1 and state <> 'NONE'
                  and ($2::uuid is null or customer_id = $2)""",
            order_id,
            customer_id,
        )
        if row is None:
            raise access_denied()
        return _payment(row)

    async def read_payments(self, order_ids: Sequence[UUID], customer_id: UUID | None) -> Sequence[Payment]:
        """The payments of those of these orders that are this customer's, or anybody's."""
        rows = await self._connection.fetch(
            """select * from payments where order_id = any($1) and state <> 'NONE'
                  and ($2::uuid is null or customer_id = $2)""",
            list(order_ids),
            customer_id,
        )
        return [_payment(row) for row in rows]

    async def take_overdue(self, limit: int) -> list[Payment]:
        """Open payments whose lease is over; they are ours for a lease that grows with every sweep."""
        rows = await self._connection.fetch(
            f"""update payments set sweeps = sweeps + 1,
                      next_attempt_time = clock_timestamp()
                          + least($3::interval, $2::interval * (2 ^ least(sweeps, 10)))
                where order_id in (
                      select order_id from payments
                       where {_OPEN} and next_attempt_time <= clock_timestamp()
                       order by next_attempt_time limit $1 for update skip locked)
               returning *""",  # noqa: S608 - our own condition
            limit,
            LEASE,
            LONGEST_LEASE,
        )
        return [_payment(row) for row in rows]


def _payment(row: asyncpg.Record) -> Payment:
    return Payment(
        order_id=row["order_id"],
        state=State(row["state"]),
        terms=_terms(row),
        reason=row["reason"],
        decline_code=row["decline_code"],
        cancel_requested=row["cancel_requested"],
        cancel_reason=row["cancel_reason"],
        stock_reserved=row["stock_reserved"],
        authorize_first=row["authorize_first"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )


def _terms(row: asyncpg.Record) -> Terms | None:
    """None in a tombstone."""
    if row["customer_id"] is None:
        return None
    return Terms(row["customer_id"], row["amount_minor"], row["currency_code"], row["payment_token"])


class PaymentsUnitOfWork:
    """Opens transactions on the payments database, and sends the events that they wrote."""

    def __init__(self, database: Database, relay: Relay, to_event: ToEvent) -> None:
        self._database = database
        self._relay = relay
        self._to_event = to_event

    @asynccontextmanager
    async def begin(self, event_id: UUID | None = None) -> AsyncIterator[PaymentsTransaction]:
        """One transaction, committed when the block ends well; the effect of an event, if it is one."""
        async with inbox.transaction(self._database, CONSUMER, event_id) as connection:
            tx = PaymentsTransaction(connection, self._to_event)
            yield tx
        self._sent(tx)

    @asynccontextmanager
    async def hear(self, event_id: UUID) -> AsyncIterator[PaymentsTransaction]:
        """The first of several transactions that an event brings about; the last marks it."""
        async with inbox.first_of_several(self._database, CONSUMER, event_id) as connection:
            tx = PaymentsTransaction(connection, self._to_event)
            yield tx
        self._sent(tx)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[PaymentsTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield PaymentsTransaction(connection, self._to_event)

    def _sent(self, tx: PaymentsTransaction) -> None:
        for written in tx.written:
            self._relay.committed(written)
