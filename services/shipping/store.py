"""The shipping service's table: one row an order."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from kit import outbox
from kit.database import Connection, Database
from kit.errors import access_denied
from kit.outbox import Relay, Written
from services.shipping.domain import Decision, Fact, Line, Parcel, Shipment, State

TOPIC = "ordermesh.shipping.v1"
ToEvent = Callable[[Fact, Shipment], Message]


class ShippingTransaction:
    """One transaction on the shipping database."""

    def __init__(self, connection: Connection, to_event: ToEvent) -> None:
        self._connection = connection
        self._to_event = to_event
        self._told: tuple[int, str] = (0, "")  # of the shipment: events so far, coordination
        self.written: list[Written] = []

    async def shipment(self, order_id: UUID, coordination: str) -> tuple[Shipment, datetime]:
        """The order's shipment, locked, and the database's time. Two first messages of an order meet at
        the row that the insert makes, and the first one's coordination stays.
        """
        row = await self._connection.fetchrow(
            """insert into shipments (order_id, coordination) values ($1, $2)
               on conflict (order_id) do update set order_id = excluded.order_id
               returning *, clock_timestamp() as now""",
            order_id,
            coordination,
        )
        assert row is not None  # noqa: S101 - inserted above
        self._told = (row["version"], row["coordination"])
        return _shipment(row), row["now"]

    async def due(self, limit: int) -> list[UUID]:
        """Orders whose shipment has been with the carrier for long enough."""
        rows = await self._connection.fetch(
            """select order_id from shipments
                where state = 'IN_TRANSIT' and deliver_time <= clock_timestamp()
                order by deliver_time limit $1""",
            limit,
        )
        return [row["order_id"] for row in rows]

    async def record(self, decision: Decision) -> None:
        """Write the shipment, then what is true from now on."""
        shipment, parcel = decision.shipment, decision.shipment.parcel
        version, coordination = self._told
        await self._connection.execute(
            """update shipments set state = $2, customer_id = $3, skus = $4, quantities = $5, reason = $6,
                      dispatch_time = $7, deliver_time = $8, update_time = $9, version = $10
                where order_id = $1 and state is distinct from $2""",
            shipment.order_id,
            shipment.state,
            parcel and parcel.customer_id,
            [line.sku for line in parcel.lines] if parcel else [],
            [line.quantity for line in parcel.lines] if parcel else [],
            shipment.reason,
            shipment.dispatch_time,
            shipment.deliver_time,
            shipment.update_time,
            version + len(decision.facts),
        )
        events = [(version + n, self._to_event(fact, shipment)) for n, fact in enumerate(decision.facts, 1)]
        if events:
            written = await outbox.write(self._connection, TOPIC, shipment.order_id, events, coordination)
            self.written.append(written)

    async def read_shipment(self, order_id: UUID, customer_id: UUID | None) -> Shipment:
        """The shipment of an order of this customer, or of anybody's; unknown and foreign look the same."""
        row = await self._connection.fetchrow(
            """select * from shipments where order_id = $1 and state <> 'NONE'
                  and ($2::uuid is null or customer_id = $2)""",
            order_id,
            customer_id,
        )
        if row is None:
            raise access_denied()
        return _shipment(row)

    async def read_shipments(self, order_ids: Sequence[UUID], customer_id: UUID | None) -> Sequence[Shipment]:
        """The shipments of those of these orders that are this customer's, or anybody's."""
        rows = await self._connection.fetch(
            """select * from shipments where order_id = any($1) and state <> 'NONE'
                  and ($2::uuid is null or customer_id = $2)""",
            list(order_ids),
            customer_id,
        )
        return [_shipment(row) for row in rows]


class ShippingUnitOfWork:
    """Opens transactions on the shipping database, and sends the events that they wrote."""

    def __init__(self, database: Database, relay: Relay, to_event: ToEvent) -> None:
        self._database = database
        self._relay = relay
        self._to_event = to_event

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[ShippingTransaction]:
        """One transaction, committed when the block ends well."""
        async with self._database.transaction() as connection:
            tx = ShippingTransaction(connection, self._to_event)
            yield tx
        for written in tx.written:
            self._relay.committed(written)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[ShippingTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield ShippingTransaction(connection, self._to_event)


def _shipment(row: asyncpg.Record) -> Shipment:
    counted = zip(row["skus"], row["quantities"], strict=True)
    lines = tuple(Line(sku, quantity) for sku, quantity in counted)
    return Shipment(
        order_id=row["order_id"],
        state=State(row["state"]),
        parcel=None if row["customer_id"] is None else Parcel(row["customer_id"], lines),
        reason=row["reason"],
        dispatch_time=row["dispatch_time"],
        deliver_time=row["deliver_time"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )
