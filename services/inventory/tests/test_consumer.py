"""Inventory hears the events of a choreographed saga, in every order and more than once."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from kit.database import Database
from kit.deadletters import DeadLetters
from kit.dispatch import Dispatcher
from kit.events import Record, from_record
from kit.money import from_minor
from kit.testing.events import Remembering, RememberingRecords, event_of, record_of, relay_to
from kit.testing.postgres import scratch_database
from ordermesh.inventory.v1.inventory_events_pb2 import StockReleased
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from ordermesh.orders.v1.orders_pb2 import OrderLine
from ordermesh.payments.v1.payments_events_pb2 import PaymentFailed, PaymentProcessed
from services.inventory import messages, usecases
from services.inventory.consumer import InventoryConsumer
from services.inventory.domain import Stock
from services.inventory.store import CONSUMER, InventoryTransaction, InventoryUnitOfWork
from services.inventory.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ADA = uuid.uuid4()
MUG = "MUG-BLUE"
BY_EVENT = "CHOREOGRAPHY"


class Warehouse:
    """The service without RPCs and Kafka, with five mugs; a hold of `hold`."""

    def __init__(self, database: Database, hold: timedelta = timedelta(minutes=2)) -> None:
        self.database = database
        self.uow = InventoryUnitOfWork(database, relay_to(Remembering(), database), messages.to_event)
        letters = DeadLetters(CONSUMER, database, RememberingRecords())
        self.dispatcher = Dispatcher(InventoryConsumer(CONSUMER, self.uow, hold).subscription, letters)

    async def hears(self, *records: Record) -> None:
        for record in records:
            await self.dispatcher.dispatch(record)

    async def one(self, query: str, *values: Any) -> Any:
        async with self.database.statement() as connection:
            return await connection.fetchval(query, *values)

    async def state(self, order_id: uuid.UUID) -> str:
        return str(await self.one("select state from reservations where order_id = $1", order_id))

    async def told(self, order_id: uuid.UUID) -> list[tuple[int, str, str]]:
        """Version, type and coordination of every event written of an order."""
        async with self.database.statement() as connection:
            rows = await connection.fetch(
                "select version, type, coordination from outbox where key = $1 order by version", order_id
            )
        return [(row["version"], row["type"].rsplit(".", 1)[-1], row["coordination"]) for row in rows]

    async def mugs(self) -> Stock:
        return await usecases.get_stock(MUG, self.uow)

    async def dead(self) -> list[str]:
        return [letter.cause.reason for letter in await self.dispatcher.dead_letters.page(True, None, 10)]


@pytest.fixture
async def warehouse() -> AsyncIterator[Warehouse]:
    async with scratch_database(MIGRATIONS) as database:
        await stock_up(database)
        yield Warehouse(database)


async def stock_up(database: Database) -> None:
    async with database.statement() as connection:
        await connection.execute("insert into stock (sku, initial, on_hand) values ($1, 5, 5)", MUG)


def placed(order_id: uuid.UUID, quantity: int = 2, coordination: str = BY_EVENT) -> Record:
    price = from_minor(1250, "EUR")
    message = OrderPlaced(
        order_id=str(order_id),
        customer_id=str(ADA),
        lines=[OrderLine(sku=MUG, title="Blue mug", quantity=quantity, unit_price=price)],
        total=price,
        payment_token="tok_approved",
    )
    return record_of(event_of(message, order_id, coordination=coordination))


def paid(order_id: uuid.UUID) -> Record:
    amount = from_minor(1250, "EUR")
    message = PaymentProcessed(order_id=str(order_id), customer_id=str(ADA), amount=amount)
    return record_of(event_of(message, order_id))


def failed(order_id: uuid.UUID) -> Record:
    message = PaymentFailed(order_id=str(order_id), reason="PAYMENT_DECLINED")
    return record_of(event_of(message, order_id))


async def test_an_order_is_reserved_and_sold_once_however_often_it_is_told(warehouse: Warehouse) -> None:
    order_id = uuid.uuid4()
    order, payment = placed(order_id), paid(order_id)
    await warehouse.hears(order, order)
    assert (await warehouse.state(order_id), await warehouse.mugs()) == ("RESERVED", Stock(MUG, 3, 2))
    await warehouse.hears(payment, payment, order)
    assert (await warehouse.state(order_id), await warehouse.mugs()) == ("COMMITTED", Stock(MUG, 3, sold=2))
    expected = [(1, "StockReserved", BY_EVENT), (2, "StockCommitted", BY_EVENT)]
    assert await warehouse.told(order_id) == expected
    assert warehouse.dispatcher.counts == {"applied": 2, "repeated": 3}


async def test_an_event_that_comes_twice_at_once_has_its_effect_once(warehouse: Warehouse) -> None:
    order_id = uuid.uuid4()
    order = placed(order_id)
    await asyncio.gather(*(warehouse.hears(order) for _ in range(6)))
    assert await warehouse.mugs() == Stock(MUG, 3, 2)
    assert warehouse.dispatcher.counts == {"applied": 1, "repeated": 5}


async def test_a_payment_that_failed_before_the_order_is_heard_of_leaves_a_tombstone(
    warehouse: Warehouse,
) -> None:
    order_id = uuid.uuid4()
    await warehouse.hears(failed(order_id))
    assert await warehouse.told(order_id) == [(1, "StockReleased", BY_EVENT)]
    await warehouse.hears(placed(order_id), failed(order_id))
    assert (await warehouse.state(order_id), await warehouse.mugs()) == ("RELEASED", Stock(MUG, 5))
    assert await warehouse.told(order_id) == [(1, "StockReleased", BY_EVENT)]
    assert await warehouse.dead() == []
    assert warehouse.dispatcher.counts == {"applied": 3}


async def test_a_payment_before_its_order_is_kept_and_then_sold_at_once(warehouse: Warehouse) -> None:
    order_id = uuid.uuid4()
    await warehouse.hears(paid(order_id))
    assert (await warehouse.state(order_id), await warehouse.told(order_id)) == ("PAID", [])
    await warehouse.hears(placed(order_id))
    assert (await warehouse.state(order_id), await warehouse.mugs()) == ("COMMITTED", Stock(MUG, 3, sold=2))
    expected = [(1, "StockReserved", BY_EVENT), (2, "StockCommitted", BY_EVENT)]
    assert await warehouse.told(order_id) == expected


async def test_a_payment_that_failed_gives_the_stock_back_with_its_reason(warehouse: Warehouse) -> None:
    order_id = uuid.uuid4()
    await warehouse.hears(placed(order_id), refusal := failed(order_id), refusal)
    assert (await warehouse.state(order_id), await warehouse.mugs()) == ("RELEASED", Stock(MUG, 5))
    assert await warehouse.told(order_id) == [(1, "StockReserved", BY_EVENT), (2, "StockReleased", BY_EVENT)]
    payload = await warehouse.one("select payload from outbox where version = 2")
    expected = StockReleased(order_id=str(order_id), reason="PAYMENT_DECLINED")
    assert StockReleased.FromString(payload) == expected


async def test_too_little_stock_is_a_fact_and_no_dead_letter(warehouse: Warehouse) -> None:
    order_id = uuid.uuid4()
    await warehouse.hears(placed(order_id, quantity=6), failed(order_id))
    assert (await warehouse.state(order_id), await warehouse.mugs()) == ("FAILED", Stock(MUG, 5))
    assert await warehouse.told(order_id) == [(1, "StockReservationFailed", BY_EVENT)]
    assert await warehouse.dead() == []


@pytest.mark.parametrize(
    ("first", "then", "stands"),
    [
        ((placed, paid), failed, "COMMITTED"),
        ((paid,), failed, "PAID"),
        ((placed, failed), paid, "RELEASED"),
        ((failed,), paid, "RELEASED"),
    ],
    ids=["release of what is sold", "release of what is paid", "payment of what is back", "of a tombstone"],
)
async def test_what_must_never_happen_is_set_aside_and_has_no_effect(
    warehouse: Warehouse, first: tuple[Any, ...], then: Any, stands: str
) -> None:
    order_id = uuid.uuid4()
    await warehouse.hears(*(kind(order_id) for kind in first))
    before = (await warehouse.told(order_id), await warehouse.mugs())
    await warehouse.hears(alarming := then(order_id))
    assert await warehouse.dead() == ["ILLEGAL_TRANSITION"]
    assert await warehouse.state(order_id) == stands
    assert (await warehouse.told(order_id), await warehouse.mugs()) == before
    query = "select count(*) from inbox where event_id = $1"
    assert await warehouse.one(query, from_record(alarming).event_id) == 0


async def test_a_payment_of_an_order_that_cannot_be_held_is_set_aside_and_redriven_after_a_restock(
    warehouse: Warehouse,
) -> None:
    order_id = uuid.uuid4()
    await warehouse.hears(paid(order_id), placed(order_id, quantity=6))
    assert (await warehouse.dead(), await warehouse.state(order_id)) == (["ILLEGAL_TRANSITION"], "PAID")
    await warehouse.one("update stock set initial = 9, on_hand = 9 returning sku")
    (letter,) = await warehouse.dispatcher.dead_letters.page(False, None, 10)
    await warehouse.dispatcher.apply(letter.record)
    assert (await warehouse.state(order_id), await warehouse.mugs()) == ("COMMITTED", Stock(MUG, 3, sold=6))


async def test_an_overdue_hold_is_told_once_and_kept(warehouse: Warehouse) -> None:
    """By the database's time: no clock of ours is asked, and none is moved here."""
    overdue, held = uuid.uuid4(), uuid.uuid4()
    await Warehouse(warehouse.database, hold=timedelta(0)).hears(placed(overdue))
    await warehouse.hears(placed(held))
    await asyncio.gather(*(usecases.tell_expiries(warehouse.uow) for _ in range(3)))
    await usecases.tell_expiries(warehouse.uow)
    told = [(1, "StockReserved", BY_EVENT), (2, "StockReservationExpired", BY_EVENT)]
    assert (await warehouse.told(overdue), await warehouse.told(held)) == (told, told[:1])
    assert (await warehouse.state(overdue), await warehouse.mugs()) == ("RESERVED", Stock(MUG, 1, 4))
    await warehouse.hears(paid(overdue))  # the payment was quicker
    assert await warehouse.state(overdue) == "COMMITTED"
    assert (await warehouse.told(overdue))[2:] == [(3, "StockCommitted", BY_EVENT)]


async def test_two_rounds_that_find_the_same_overdue_hold_tell_it_once(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Warehouse(warehouse.database, hold=timedelta(0)).hears(placed(order_id := uuid.uuid4()))
    overdue, both = InventoryTransaction.overdue, asyncio.Barrier(2)

    async def found_by_both(tx: InventoryTransaction, limit: int) -> list[uuid.UUID]:
        found = await overdue(tx, limit)
        await both.wait()
        return found

    monkeypatch.setattr(InventoryTransaction, "overdue", found_by_both)
    await asyncio.gather(*(usecases.tell_expiries(warehouse.uow) for _ in range(2)))
    told = [(1, "StockReserved", BY_EVENT), (2, "StockReservationExpired", BY_EVENT)]
    assert await warehouse.told(order_id) == told


async def test_overdue_holds_that_were_told_leave_room_for_the_next(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.inventory.usecases.EXPIRE_AT_ONCE", 1)
    orders = [uuid.uuid4() for _ in range(2)]
    await Warehouse(warehouse.database, hold=timedelta(0)).hears(*(placed(order_id) for order_id in orders))
    for _ in orders:
        await usecases.tell_expiries(warehouse.uow)
    for order_id in orders:
        assert (await warehouse.told(order_id))[1:] == [(2, "StockReservationExpired", BY_EVENT)]


async def test_the_events_of_other_coordinations_are_skipped(warehouse: Warehouse) -> None:
    await warehouse.hears(placed(order_id := uuid.uuid4(), coordination="SYNC"))
    assert warehouse.dispatcher.counts == {"skipped": 1}
    assert await warehouse.state(order_id) == "None"
