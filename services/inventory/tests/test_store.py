"""The store and the use cases on a real PostgreSQL: parallel orders, deadlocks, repeated requests."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from kit.requests import RequestKey
from kit.testing.events import Remembering, relay_to
from kit.testing.postgres import scratch_database
from services.inventory import messages, usecases
from services.inventory.domain import Line, OutOfStock, Reservation, ReservationReleased, State, Stock
from services.inventory.store import InventoryUnitOfWork
from services.inventory.usecases import CommitStock, ReleaseStock, ReserveStock, Restock
from services.inventory.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
HOLD = timedelta(minutes=2)


@pytest.fixture
async def uow() -> AsyncIterator[InventoryUnitOfWork]:
    async with scratch_database(MIGRATIONS) as database:
        yield InventoryUnitOfWork(database, relay_to(Remembering(), database), messages.to_event)


async def reserve(uow: InventoryUnitOfWork, order_id: uuid.UUID, *lines: Line) -> Reservation:
    """What the caller of ReserveStock is told."""
    return (await usecases.reserve_stock(ReserveStock(order_id, lines, "SYNC"), uow, HOLD)).answer()


def request() -> RequestKey:
    return RequestKey("olga", "Restock", uuid.uuid4(), b"body")


async def stocked(uow: InventoryUnitOfWork, **quantities: int) -> None:
    for sku, quantity in quantities.items():
        await usecases.restock(Restock(request(), sku, quantity), uow)


async def test_a_reservation_holds_its_stock_and_a_repeat_holds_no_more(uow: InventoryUnitOfWork) -> None:
    await stocked(uow, MUG=5)
    order_id = uuid.uuid4()
    for _ in range(2):
        assert (await reserve(uow, order_id, Line("MUG", 2))).state is State.RESERVED
    assert await usecases.get_stock("MUG", uow) == Stock("MUG", on_hand=3, reserved=2)


async def test_all_lines_or_none(uow: InventoryUnitOfWork) -> None:
    await stocked(uow, MUG=5, TEA=1)
    with pytest.raises(OutOfStock):
        await reserve(uow, uuid.uuid4(), Line("MUG", 2), Line("TEA", 2))
    assert await usecases.get_stock("MUG", uow) == Stock("MUG", on_hand=5)


async def test_a_repeat_of_a_refused_reservation_repeats_what_was_short(uow: InventoryUnitOfWork) -> None:
    await stocked(uow, TEA=1)
    order_id = uuid.uuid4()
    for _ in range(2):
        with pytest.raises(OutOfStock) as caught:
            await reserve(uow, order_id, Line("TEA", 2))
        assert caught.value.details == {"skus": "TEA", "wanted": "2", "left": "1"}
        await stocked(uow, TEA=5)


async def test_twenty_orders_for_ten_pieces_get_ten_and_never_deadlock(uow: InventoryUnitOfWork) -> None:
    await stocked(uow, MUG=10, TEA=10)
    lines = (Line("MUG", 1), Line("TEA", 1))

    async def order(number: int) -> bool:
        wanted = lines if number % 2 else lines[::-1]
        try:
            await reserve(uow, uuid.uuid4(), *wanted)
        except OutOfStock:
            return False
        return True

    assert sum(await asyncio.gather(*(order(number) for number in range(20)))) == 10
    assert await usecases.get_stock("MUG", uow) == Stock("MUG", on_hand=0, reserved=10)
    assert await usecases.get_stock("TEA", uow) == Stock("TEA", on_hand=0, reserved=10)


async def test_the_same_order_asked_for_in_parallel_is_held_once(uow: InventoryUnitOfWork) -> None:
    await stocked(uow, MUG=5)
    order_id = uuid.uuid4()
    await asyncio.gather(*(reserve(uow, order_id, Line("MUG", 2)) for _ in range(8)))
    assert await usecases.get_stock("MUG", uow) == Stock("MUG", on_hand=3, reserved=2)


async def test_a_reserve_after_the_release_takes_nothing(uow: InventoryUnitOfWork) -> None:
    await stocked(uow, MUG=5)
    order_id = uuid.uuid4()
    released = await usecases.release_stock(ReleaseStock(order_id, "PAYMENT_DECLINED", "SYNC"), uow)
    assert released.reservation.state is State.RELEASED
    with pytest.raises(ReservationReleased):
        await reserve(uow, order_id, Line("MUG", 1))
    assert await usecases.get_stock("MUG", uow) == Stock("MUG", on_hand=5)


async def test_commit_sells_and_release_gives_back(uow: InventoryUnitOfWork) -> None:
    await stocked(uow, MUG=5)
    sold, returned = uuid.uuid4(), uuid.uuid4()
    for order_id in (sold, returned):
        await reserve(uow, order_id, Line("MUG", 2))
    await usecases.commit_stock(CommitStock(sold, "SYNC"), uow)
    await usecases.release_stock(ReleaseStock(returned, "PAYMENT_DECLINED", "SYNC"), uow)
    assert await usecases.get_stock("MUG", uow) == Stock("MUG", on_hand=3, sold=2)


async def test_a_repeated_restock_adds_nothing(uow: InventoryUnitOfWork) -> None:
    key = request()
    for _ in range(2):
        stock = await usecases.restock(Restock(key, "MUG", 5), uow)
    assert stock == Stock("MUG", on_hand=5)
