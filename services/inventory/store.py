"""The inventory service's tables: reservations and stock."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from kit import inbox, outbox, requests
from kit.database import Connection, Database
from kit.outbox import Relay, Written
from kit.requests import RequestKey
from services.inventory.domain import Decision, Fact, Line, ProductNotFound, Reservation, Short, State, Stock

CONSUMER = "inventory"
TOPIC = "ordermesh.inventory.v1"


class InventoryTransaction:
    """One transaction on the inventory database."""

    def __init__(self, connection: Connection, to_event: Callable[[Fact], Message]) -> None:
        self._connection = connection
        self._to_event = to_event
        self._locked: set[str] = set()
        self._told: tuple[int, str] = (0, "")  # of the reservation: events so far, coordination
        self.written: list[Written] = []

    async def reservation(self, order_id: UUID, coordination: str) -> tuple[Reservation, datetime]:
        """The order's reservation, locked, and the database's time. Two first messages of an order meet
        at the row that the insert makes, and the first one's coordination stays.
        """
        row = await self._connection.fetchrow(
            """insert into reservations (order_id, coordination) values ($1, $2)
               on conflict (order_id) do update set order_id = excluded.order_id
               returning *, clock_timestamp() as now""",
            order_id,
            coordination,
        )
        assert row is not None  # noqa: S101 - inserted above
        self._told = (row["version"], row["coordination"])
        return _reservation(row), row["now"]

    async def overdue(self, limit: int) -> list[UUID]:
        """Orders whose hold is overdue, which nobody has been told yet."""
        rows = await self._connection.fetch(
            """select order_id from reservations
                where state = 'RESERVED' and not expiry_told and expire_time <= clock_timestamp()
                order by expire_time limit $1""",
            limit,
        )
        return [row["order_id"] for row in rows]

    async def stock(self, skus: list[str]) -> Mapping[str, Stock]:
        """The stock of these products; always locked in the order of skus, so that orders cannot deadlock."""
        rows = await self._connection.fetch(
            "select sku, on_hand, reserved, sold from stock where sku = any($1) order by sku for update", skus
        )
        self._locked.update(skus)
        return {row["sku"]: Stock(**row) for row in rows}

    async def record(self, decision: Decision) -> None:
        """Write the reservation and move the stock, locked in sku order before, in one statement; then what
        is true from now on.
        """
        moves = sorted(decision.moves, key=lambda move: move.sku)
        unlocked = [move.sku for move in moves if move.sku not in self._locked]
        if unlocked:
            await self.stock(unlocked)
        reservation = decision.reservation
        await self._connection.execute(
            """with moved as (
                 update stock set on_hand = stock.on_hand + move.on_hand,
                        reserved = stock.reserved + move.reserved, sold = stock.sold + move.sold
                   from unnest($8::text[], $9::int[], $10::int[], $11::int[])
                        as move (sku, on_hand, reserved, sold)
                  where stock.sku = move.sku)
               update reservations set state = $2, skus = $3, quantities = $4, expire_time = $5,
                      expiry_told = $6, short_skus = $7, short_wanted = $12, short_left = $13,
                      version = $14, update_time = now() where order_id = $1""",
            reservation.order_id,
            reservation.state,
            [line.sku for line in reservation.lines],
            [line.quantity for line in reservation.lines],
            reservation.expire_time,
            reservation.expiry_told,
            [item.sku for item in reservation.short],
            [move.sku for move in moves],
            [move.on_hand for move in moves],
            [move.reserved for move in moves],
            [move.sold for move in moves],
            [item.wanted for item in reservation.short],
            [item.left for item in reservation.short],
            self._told[0] + len(decision.facts),
        )
        await self._tell(decision)

    async def _tell(self, decision: Decision) -> None:
        version, coordination = self._told
        events = [(version + n, self._to_event(fact)) for n, fact in enumerate(decision.facts, 1)]
        if events:
            order_id = decision.reservation.order_id
            self.written.append(await outbox.write(self._connection, TOPIC, order_id, events, coordination))

    async def add_stock(self, key: RequestKey, sku: str, quantity: int) -> Stock:
        """Add stock, unless this request did so before."""
        if await requests.claim(self._connection, key, sku) is None:
            await self._connection.execute(
                """insert into stock (sku, restocked, on_hand) values ($1, $2, $2)
                   on conflict (sku) do update set restocked = stock.restocked + $2,
                                                   on_hand = stock.on_hand + $2""",
                sku,
                quantity,
            )
        return await self.read_stock(sku)

    async def read_stock(self, sku: str) -> Stock:
        """The stock of one product."""
        row = await self._connection.fetchrow(
            "select sku, on_hand, reserved, sold from stock where sku = $1", sku
        )
        if row is None:
            raise ProductNotFound(f"there is no product {sku}")
        return Stock(**row)


class InventoryUnitOfWork:
    """Opens transactions on the inventory database, and sends the events that they wrote."""

    def __init__(self, database: Database, relay: Relay, to_event: Callable[[Fact], Message]) -> None:
        self._database = database
        self._relay = relay
        self._to_event = to_event

    @asynccontextmanager
    async def begin(self, event_id: UUID | None = None) -> AsyncIterator[InventoryTransaction]:
        """One transaction, committed when the block ends well; the effect of an event, if it is one."""
        async with inbox.transaction(self._database, CONSUMER, event_id) as connection:
            tx = InventoryTransaction(connection, self._to_event)
            yield tx
        for written in tx.written:
            self._relay.committed(written)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[InventoryTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield InventoryTransaction(connection, self._to_event)


def _reservation(row: asyncpg.Record) -> Reservation:
    counted = zip(row["skus"], row["quantities"], strict=True)
    short = (row["short_skus"], row["short_wanted"], row["short_left"])
    return Reservation(
        order_id=row["order_id"],
        state=State(row["state"]),
        lines=tuple(Line(sku, quantity) for sku, quantity in counted),
        expire_time=row["expire_time"],
        expiry_told=row["expiry_told"],
        short=tuple(Short(*parts) for parts in zip(*short, strict=True)),
    )
