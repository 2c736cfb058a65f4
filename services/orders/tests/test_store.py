"""Orders, history and journal on a real PostgreSQL: compare-and-set, leases, pages, requests."""

import uuid
from collections.abc import AsyncIterator

import pytest

from kit.errors import Problem
from kit.requests import RequestKey
from kit.testing.events import Remembering, relay_to
from kit.testing.postgres import scratch_database
from services.orders import domain, messages
from services.orders.changes import ChangeHub
from services.orders.coordination.journal import Step
from services.orders.domain import AccessDenied, Coordination, Line, Order, State
from services.orders.store import PLACE_ORDER, OrdersUnitOfWork
from services.orders.tests.shop import MUG, new_order
from services.orders.usecases import Viewer
from services.orders.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ADA, BOB = uuid.UUID(int=0xADA), uuid.UUID(int=0xB0B)
OVER = -1.0  # a lease that has run out already


@pytest.fixture
async def uow() -> AsyncIterator[OrdersUnitOfWork]:
    async with scratch_database(MIGRATIONS) as database:
        yield OrdersUnitOfWork(database, ChangeHub(), relay_to(Remembering(), database), messages.to_event)


async def placed(uow: OrdersUnitOfWork, customer_id: uuid.UUID = ADA, lease: float = 60.0) -> Order:
    order = new_order(Coordination.SYNC, customer_id, (MUG, Line("TEA-GREEN", "Green tea", 1, 490)))
    async with uow.begin() as tx:
        await tx.add(domain.place(order), "tok_approved")
        await tx.journal.open(order.order_id, "tok_approved", lease)
    return order


async def test_an_order_comes_back_as_it_was_written(uow: OrdersUnitOfWork) -> None:
    order = await placed(uow)
    async with uow.begin() as tx:
        read = await tx.order(order.order_id)
    assert read.create_time is not None
    assert (read.lines, read.total, read.state, read.version) == (order.lines, 2990, State.PENDING, 1)


async def test_every_visible_change_is_one_entry_of_the_history(uow: OrdersUnitOfWork) -> None:
    order = await placed(uow)
    async with uow.begin() as tx:
        wished = await tx.record(domain.request_cancel(await tx.order(order.order_id)))
        await tx.record(domain.request_cancel(wished))  # a second wish changes nothing
        await tx.record(domain.stock_released(wished, "CANCELLED_BY_CUSTOMER"))
    async with uow.begin() as tx:
        history = await tx.history(order.order_id, 0)
        assert await tx.history(order.order_id, 2) == history[2:]
    assert [(s.version, s.state, s.cancel_requested, s.reason) for s in history] == [
        (1, State.PENDING, False, ""),
        (2, State.PENDING, True, ""),
        (3, State.CANCELLED, False, "CANCELLED_BY_CUSTOMER"),
    ]


async def test_several_histories_are_read_at_once_and_only_ones_own(uow: OrdersUnitOfWork) -> None:
    first, second, foreign = await placed(uow), await placed(uow), await placed(uow, BOB)
    async with uow.begin() as tx:
        await tx.record(domain.request_cancel(await tx.order(second.order_id)))
    asked = [second.order_id, foreign.order_id, first.order_id, uuid.uuid4()]
    async with uow.begin() as tx:
        mine = await tx.histories(asked, Viewer(ADA, is_operator=False))
        everybodys = await tx.histories(asked, Viewer(ADA, is_operator=True))
        assert [s for s in mine if s.order_id == second.order_id] == await tx.history(second.order_id, 0)
    assert {(s.order_id, s.version) for s in mine} == {
        (first.order_id, 1),
        (second.order_id, 1),
        (second.order_id, 2),
    }
    assert {s.order_id for s in everybodys} == {first.order_id, second.order_id, foreign.order_id}


async def test_unknown_and_foreign_orders_look_the_same(uow: OrdersUnitOfWork) -> None:
    order = await placed(uow, ADA)
    errors = []
    for order_id in (order.order_id, uuid.uuid4()):
        with pytest.raises(AccessDenied) as caught:
            async with uow.begin() as tx:
                await tx.visible(order_id, Viewer(BOB, is_operator=False))
        errors.append((str(caught.value), caught.value.reason))
    assert errors[0] == errors[1]
    async with uow.begin() as tx:
        assert (await tx.visible(order.order_id, Viewer(BOB, is_operator=True))).customer_id == ADA


async def test_pages_show_every_own_order_once_and_newest_first(uow: OrdersUnitOfWork) -> None:
    mine = [await placed(uow, ADA) for _ in range(5)]
    await placed(uow, BOB)
    seen: list[uuid.UUID] = []
    before = None
    while True:
        async with uow.begin() as tx:
            page = await tx.page(Viewer(ADA, is_operator=False), 2, before)
        if not page:
            break
        seen += [order.order_id for order in page]
        assert page[-1].create_time is not None
        before = (page[-1].create_time, page[-1].order_id)
    assert seen == [order.order_id for order in reversed(mine)]


async def test_a_journal_write_fails_when_somebody_else_wrote_first(uow: OrdersUnitOfWork) -> None:
    order = await placed(uow)
    async with uow.begin() as tx:
        seen = await tx.journal.read(order.order_id)
        assert await tx.journal.write(seen, seen, 60.0)
        assert not await tx.journal.write(seen, seen, 60.0)


async def test_only_journals_whose_lease_has_run_out_are_taken(uow: OrdersUnitOfWork) -> None:
    await placed(uow, lease=60.0)
    left = await placed(uow, lease=OVER)
    async with uow.begin() as tx:
        seen = await tx.journal.read(left.order_id)
        (taken,) = await tx.journal.take(10, 60.0)
        assert (taken.order_id, taken.attempts, taken.step) == (left.order_id, 1, Step.RESERVE)
        assert not await tx.journal.write(seen, seen, 60.0)  # its former holder has lost it
        assert await tx.journal.take(10, 60.0) == []


async def test_a_journal_is_taken_by_one_sweeper_only(uow: OrdersUnitOfWork) -> None:
    left = await placed(uow, lease=OVER)
    async with uow.begin() as one, uow.begin() as other:
        assert [entry.order_id for entry in await one.journal.take(10, 60.0)] == [left.order_id]
        assert await other.journal.take(10, 60.0) == []


async def test_a_freed_request_begins_anew(uow: OrdersUnitOfWork) -> None:
    key = RequestKey(str(ADA), PLACE_ORDER, uuid.uuid4(), b"body")
    first, second = uuid.uuid4(), uuid.uuid4()
    async with uow.begin() as tx:
        assert await tx.claim(key, first) is None
        assert await tx.claim(key, second) == first
        await tx.free(first)
        assert await tx.claim(key, second) is None
    assert await uow.recall(key) == second


async def test_a_request_id_with_another_content_is_refused(uow: OrdersUnitOfWork) -> None:
    request_id = uuid.uuid4()
    async with uow.begin() as tx:
        await tx.claim(RequestKey(str(ADA), PLACE_ORDER, request_id, b"body"), uuid.uuid4())
    with pytest.raises(Problem) as caught:
        await uow.recall(RequestKey(str(ADA), PLACE_ORDER, request_id, b"other"))
    assert caught.value.reason == "REQUEST_ID_MISMATCH"
