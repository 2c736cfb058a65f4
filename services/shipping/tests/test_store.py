"""The store and the use cases on a real PostgreSQL: parallel steps, tombstones, deliveries, events."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from kit import call
from kit.database import Database
from kit.errors import Problem
from kit.testing.events import Remembering, relay_to
from kit.testing.postgres import scratch_database
from services.shipping import messages, usecases
from services.shipping.domain import (
    CancelCameFirst,
    Line,
    Parcel,
    Shipment,
    ShipmentOnItsWay,
    ShipmentRefused,
    State,
)
from services.shipping.store import ShippingUnitOfWork
from services.shipping.usecases import BookShipment, CancelShipment, DispatchShipment
from services.shipping.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ADA, BOB = uuid.uuid4(), uuid.uuid4()
BY_WORKFLOW = "ORCHESTRATION"


@dataclass
class Depot:
    """The service without its RPCs."""

    database: Database
    uow: ShippingUnitOfWork

    async def book(self, order_id: uuid.UUID, quantity: int = 2) -> Shipment:
        parcel = Parcel(ADA, (Line("MUG-BLUE", quantity),))
        return await usecases.book_shipment(BookShipment(order_id, parcel, BY_WORKFLOW), self.uow)

    async def dispatch(self, order_id: uuid.UUID, seconds: float = 0) -> Shipment:
        command = DispatchShipment(order_id, BY_WORKFLOW)
        return await usecases.dispatch_shipment(command, self.uow, timedelta(seconds=seconds))

    async def cancel(self, order_id: uuid.UUID) -> Shipment:
        command = CancelShipment(order_id, "TIMED_OUT", BY_WORKFLOW)
        return await usecases.cancel_shipment(command, self.uow)

    async def state(self, order_id: uuid.UUID) -> State:
        async with self.uow.begin() as tx:
            return (await tx.read_shipment(order_id, None)).state

    async def told(self, order_id: uuid.UUID) -> list[tuple[int, str, str]]:
        """Version, type and coordination of every event written of an order."""
        async with self.database.statement() as connection:
            rows = await connection.fetch(
                "select version, type, coordination from outbox where key = $1 order by version", order_id
            )
        return [(row["version"], row["type"].rsplit(".", 1)[-1], row["coordination"]) for row in rows]


@pytest.fixture
async def depot() -> AsyncIterator[Depot]:
    async with scratch_database(MIGRATIONS) as database:
        relay = relay_to(Remembering(), database)
        yield Depot(database, ShippingUnitOfWork(database, relay, messages.to_event))


async def test_a_shipment_is_booked_dispatched_and_delivered_once(depot: Depot) -> None:
    order_id = uuid.uuid4()
    for _ in range(2):
        assert (await depot.book(order_id)).state is State.BOOKED
    for _ in range(2):
        assert (await depot.dispatch(order_id)).state is State.IN_TRANSIT
    for _ in range(2):
        await usecases.tell_arrivals(depot.uow)
        assert await depot.state(order_id) is State.DELIVERED
    assert await depot.told(order_id) == [
        (1, "ShipmentBooked", BY_WORKFLOW),
        (2, "ShipmentDelivered", BY_WORKFLOW),
    ]


async def test_the_same_booking_in_parallel_is_told_once(depot: Depot) -> None:
    order_id = uuid.uuid4()
    shipments = await asyncio.gather(*(depot.book(order_id) for _ in range(8)))
    assert {shipment.state for shipment in shipments} == {State.BOOKED}
    assert len(await depot.told(order_id)) == 1


async def test_a_cancel_and_its_booking_in_parallel_leave_nothing_booked(depot: Depot) -> None:
    orders = [uuid.uuid4() for _ in range(10)]
    calls = [step(order_id) for order_id in orders for step in (depot.book, depot.cancel)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} <= {Shipment, CancelCameFirst}
    assert {await depot.state(order_id) for order_id in orders} == {State.CANCELLED}


async def test_a_cancel_that_comes_first_leaves_a_tombstone(depot: Depot) -> None:
    order_id = uuid.uuid4()
    for _ in range(2):
        assert (await depot.cancel(order_id)).state is State.CANCELLED
    for late in (depot.book(order_id), depot.dispatch(order_id)):
        with pytest.raises(CancelCameFirst):
            await late
    assert await depot.told(order_id) == [(1, "ShipmentCancelled", BY_WORKFLOW)]


async def test_what_the_carrier_refuses_stays_refused_and_a_cancel_of_it_is_no_error(depot: Depot) -> None:
    order_id = uuid.uuid4()
    for _ in range(2):
        with pytest.raises(ShipmentRefused):
            await depot.book(order_id, 501)
    assert (await depot.cancel(order_id)).state is State.REFUSED
    assert await depot.told(order_id) == []


async def test_a_cancel_after_the_dispatch_is_too_late(depot: Depot) -> None:
    order_id = uuid.uuid4()
    await depot.book(order_id)
    await depot.dispatch(order_id, seconds=60)
    with pytest.raises(ShipmentOnItsWay):
        await depot.cancel(order_id)
    await usecases.tell_arrivals(depot.uow)
    assert await depot.state(order_id) is State.IN_TRANSIT


async def test_two_sweepers_tell_an_arrival_once(depot: Depot) -> None:
    orders = [uuid.uuid4() for _ in range(6)]
    for order_id in orders:
        await depot.book(order_id)
        await depot.dispatch(order_id)
    await asyncio.gather(*(usecases.tell_arrivals(depot.uow) for _ in range(2)))
    assert [len(await depot.told(order_id)) for order_id in orders] == [2] * len(orders)


async def test_a_shipment_is_read_by_its_owner_and_by_operators_only(depot: Depot) -> None:
    booked, tombstone = uuid.uuid4(), uuid.uuid4()
    await depot.book(booked)
    await depot.cancel(tombstone)
    ada, bob, olga = call.Caller(ADA, "customer"), call.Caller(BOB, "customer"), call.Caller(BOB, "operator")
    assert (await usecases.get_shipment(booked, ada, depot.uow)).state is State.BOOKED
    assert (await usecases.get_shipment(booked, olga, depot.uow)).state is State.BOOKED
    assert (await usecases.get_shipment(tombstone, olga, depot.uow)).state is State.CANCELLED
    for order_id, caller in [(booked, bob), (tombstone, ada), (uuid.uuid4(), ada), (uuid.uuid4(), olga)]:
        with pytest.raises(Problem) as error:
            await usecases.get_shipment(order_id, caller, depot.uow)
        assert error.value.reason == "ACCESS_DENIED"
