"""The orders service's tables: orders, their history, and the requests that placed them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from kit import inbox, outbox, requests
from kit.database import Connection, Database
from kit.outbox import Relay, Written
from kit.requests import RequestKey
from services.orders.changes import ChangeHub
from services.orders.coordination.store import Journal
from services.orders.coordination.workflow_store import Orchestrations
from services.orders.domain import AccessDenied, Coordination, Decision, Fact, Flow, Line, Order, State
from services.orders.usecases import Status, Viewer

_READ = "select * from orders where order_id = $1"
_READ_LOCKED = f"{_READ} for update"
_STATUS = "order_id, version, state, reason, cancel_requested, change_time"
CONSUMER = "orders"
TOPIC = "ordermesh.orders.v1"
ToEvent = Callable[[Fact, Order, str], Message]
PLACE_ORDER = "ordermesh.orders.v1.PlaceOrderRequest"


class OrdersTransaction:
    """One transaction on the orders database."""

    def __init__(self, connection: Connection, to_event: ToEvent) -> None:
        self._connection = connection
        self._to_event = to_event
        self.journal = Journal(connection)
        self.orchestrations = Orchestrations(connection)
        self.changed: set[UUID] = set()
        self.after_commit: list[Callable[[], None]] = []
        self.written: list[Written] = []

    async def claim(self, key: RequestKey, order_id: UUID) -> UUID | None:
        """Take the request for this order; a repeat gets the order of the first."""
        known = await requests.claim(self._connection, key, str(order_id))
        return UUID(known) if known else None

    async def free(self, order_id: UUID) -> None:
        """Forget which request placed this order, so that the same request_id places a new one."""
        await requests.free(self._connection, PLACE_ORDER, str(order_id))

    async def add(self, decision: Decision, payment_token: str) -> None:
        """Write a new order and the first entry of its history, in one statement; then that it exists. The
        token goes to payments by that event, where events carry the order.
        """
        order = decision.order
        await self._connection.execute(
            """with made as (
                 insert into orders (order_id, customer_id, state, version, skus, titles, quantities,
                        unit_prices, total, currency_code, coordination, coordination_reason, flow)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13))
               insert into order_history (order_id, version, state, reason, cancel_requested)
               values ($1, $4, $3, '', false)""",
            order.order_id,
            order.customer_id,
            order.state,
            order.version,
            [line.sku for line in order.lines],
            [line.title for line in order.lines],
            [line.quantity for line in order.lines],
            [line.unit_price for line in order.lines],
            order.total,
            order.currency_code,
            order.coordination,
            order.coordination_reason,
            order.flow,
        )
        by_event = order.coordination is Coordination.CHOREOGRAPHY
        await self._tell(decision, payment_token if by_event else "")

    async def order(self, order_id: UUID, *, lock: bool = True) -> Order:
        """An order, locked unless it is only to be read."""
        query = _READ_LOCKED if lock else _READ
        row = await self._connection.fetchrow(query, order_id)
        if row is None:
            raise AccessDenied
        return _order(row)

    async def record(self, decision: Decision) -> Order:
        """Write a change of an order and its entry in the history, then what is true from now on; nothing if
        no client can see a change.
        """
        order = decision.order
        update_time = await self._connection.fetchval(
            """with changed as (
                 update orders set state = $2, version = $3, reason = $4, cancel_requested = $5,
                        update_time = clock_timestamp()
                  where order_id = $1 and version < $3 returning order_id, update_time),
               noted as (
                 insert into order_history (order_id, version, state, reason, cancel_requested, change_time)
                 select order_id, $3, $2, $4, $5, update_time from changed)
               select update_time from changed""",
            order.order_id,
            order.state,
            order.version,
            order.reason,
            order.cancel_requested,
        )
        if update_time is None:
            return order
        self.changed.add(order.order_id)
        await self._tell(decision)
        return replace(order, update_time=update_time)

    async def wake(self, order_id: UUID) -> None:
        """Let the sweeper of the synchronous chain look at an order now."""
        await self.journal.wake(order_id)

    async def payment_token(self, order_id: UUID) -> str | None:
        """The means of payment of an orchestrated order; None if there is no such order."""
        return await self.orchestrations.payment_token(order_id)

    async def _tell(self, decision: Decision, payment_token: str = "") -> None:
        """Every version of an order is made by one fact, so the event's version is the order's."""
        order = decision.order
        events = [(order.version, self._to_event(fact, order, payment_token)) for fact in decision.facts]
        if events:
            written = await outbox.write(
                self._connection, TOPIC, order.order_id, events, str(order.coordination)
            )
            self.written.append(written)

    async def visible(self, order_id: UUID, viewer: Viewer) -> Order:
        """An order the viewer may see; the query itself checks the owner."""
        row = await self._connection.fetchrow(
            "select * from orders where order_id = $1 and (customer_id = $2 or $3)",
            order_id,
            viewer.user_id,
            viewer.is_operator,
        )
        if row is None:
            raise AccessDenied
        return _order(row)

    async def page(self, viewer: Viewer, size: int, before: tuple[datetime, UUID] | None) -> list[Order]:
        """Orders the viewer may see, newest first."""
        time, order_id = before or (None, None)
        rows = await self._connection.fetch(
            """select * from orders where (customer_id = $1 or $2)
                  and ($3::timestamptz is null or (create_time, order_id) < ($3, $4::uuid))
                order by create_time desc, order_id desc limit $5""",
            viewer.user_id,
            viewer.is_operator,
            time,
            order_id,
            size,
        )
        return [_order(row) for row in rows]

    async def history(self, order_id: UUID, after_version: int) -> list[Status]:
        """An order's history after a version, in its order."""
        rows = await self._connection.fetch(
            f"""select {_STATUS} from order_history
                where order_id = $1 and version > $2 order by version""",  # noqa: S608 - our own constant
            order_id,
            after_version,
        )
        return [_status(row) for row in rows]

    async def histories(self, order_ids: Sequence[UUID], viewer: Viewer) -> list[Status]:
        """The histories of those of these orders that the viewer may see, each in its order."""
        rows = await self._connection.fetch(
            f"""select {_STATUS} from order_history
                where order_id in (select order_id from orders
                                    where order_id = any($1) and (customer_id = $2 or $3))
                order by order_id, version""",  # noqa: S608 - our own constant
            list(order_ids),
            viewer.user_id,
            viewer.is_operator,
        )
        return [_status(row) for row in rows]


class OrdersUnitOfWork:
    """Opens transactions on the orders database; sends the events that they wrote, and wakes the watchers of
    what they changed.
    """

    def __init__(self, database: Database, changes: ChangeHub, relay: Relay, to_event: ToEvent) -> None:
        self._database = database
        self._changes = changes
        self._relay = relay
        self._to_event = to_event

    @asynccontextmanager
    async def begin(self, event_id: UUID | None = None) -> AsyncIterator[OrdersTransaction]:
        """One transaction, committed when the block ends well; the effect of an event, if it is one."""
        async with inbox.transaction(self._database, CONSUMER, event_id) as connection:
            tx = OrdersTransaction(connection, self._to_event)
            yield tx
        for written in tx.written:
            self._relay.committed(written)
        for work in tx.after_commit:
            work()
        for order_id in tx.changed:
            self._changes.tell(order_id)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[OrdersTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield OrdersTransaction(connection, self._to_event)

    async def recall(self, key: RequestKey) -> UUID | None:
        """The order that this request placed before."""
        async with self._database.statement() as connection:
            known = await requests.recall(connection, key)
        return UUID(known) if known else None


def _status(row: asyncpg.Record) -> Status:
    return Status(**{**row, "state": State(row["state"])})


def _order(row: asyncpg.Record) -> Order:
    columns = (row["skus"], row["titles"], row["quantities"], row["unit_prices"])
    return Order(
        order_id=row["order_id"],
        customer_id=row["customer_id"],
        lines=tuple(Line(*parts) for parts in zip(*columns, strict=True)),
        total=row["total"],
        currency_code=row["currency_code"],
        coordination=Coordination(row["coordination"]),
        coordination_reason=row["coordination_reason"],
        flow=Flow(row["flow"]),
        state=State(row["state"]),
        version=row["version"],
        reason=row["reason"],
        cancel_requested=row["cancel_requested"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )
