"""What orders tells a workflow, and when it believes that it was heard; on a real PostgreSQL."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest

from kit.background import Background
from kit.errors import unavailable
from kit.testing.events import Remembering, relay_to
from kit.testing.postgres import scratch_database
from services.orders import domain, messages
from services.orders.changes import ChangeHub
from services.orders.coordination import workflow_store
from services.orders.coordination.orchestration import Orchestration
from services.orders.coordination.workflows import StartRefused, Workflows
from services.orders.domain import Coordination, Order, State, Wait
from services.orders.outcome import Verdict
from services.orders.store import OrdersUnitOfWork
from services.orders.tests.shop import new_order
from services.orders.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres


class Temporal:
    """Workflows that are started and hear of cancels, as Temporal keeps them; may be away, or refuse."""

    def __init__(self) -> None:
        self.heard: dict[uuid.UUID, list[str]] = {}
        self.ended: set[uuid.UUID] = set()
        self.away = False
        self.refuses = False

    async def start(self, order: Order, traceparent: str) -> None:
        self._answer()
        if order.order_id not in self.heard:
            self.heard[order.order_id] = [domain.CUSTOMER] if order.cancel_requested else []

    async def start_and_wait(self, order: Order, traceparent: str, wait: Wait, seconds: float) -> None:
        self._answer()
        self.heard.setdefault(order.order_id, [])
        raise unavailable("temporal", "the workflow has not come so far yet")

    async def tell(self, order_id: uuid.UUID, signal: str, reason: str) -> bool:
        self._answer()
        if order_id not in self.heard or order_id in self.ended:
            return False
        self.heard[order_id].append(reason)
        return True

    def _answer(self) -> None:
        if self.away:
            raise unavailable("temporal", "Temporal does not answer")
        if self.refuses:
            raise StartRefused("INVALID_ARGUMENT: a search attribute is not registered")


class Orders:
    """The orchestrated orders of one database, and the Temporal they are carried by."""

    def __init__(self, uow: OrdersUnitOfWork) -> None:
        self.uow = uow
        self.temporal = Temporal()
        self.background = Background()
        self.mode = Orchestration(uow, cast(Workflows, self.temporal), self.background)

    async def place(self) -> uuid.UUID:
        """The order is committed; nobody has begun to start its workflow."""
        order = new_order(Coordination.ORCHESTRATION)
        async with self.uow.begin() as tx:
            await tx.add(domain.place(order), "tok_approved")
            await self.mode.begin(order, "tok_approved", tx)
        return order.order_id

    async def wish_to_cancel(self, order_id: uuid.UUID) -> None:
        """The wish is committed, and was tried to be told."""
        async with self.uow.begin() as tx:
            order = await tx.record(domain.request_cancel(await tx.order(order_id)))
            await self.mode.cancel(order, tx)
        await self.background.drain(5)

    async def untold(self, order_id: uuid.UUID) -> int:
        async with self.uow.begin() as tx:
            return len(await tx.orchestrations.signals(order_id))


@pytest.fixture
async def orders(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Orders]:
    monkeypatch.setattr(workflow_store, "LEFT_BEHIND", timedelta(0))
    async with scratch_database(MIGRATIONS) as database:
        uow = OrdersUnitOfWork(database, ChangeHub(), relay_to(Remembering(), database), messages.to_event)
        yield Orders(uow)


async def test_a_cancel_that_comes_before_the_workflow_exists_is_kept_until_it_does(orders: Orders) -> None:
    order_id = await orders.place()
    await orders.wish_to_cancel(order_id)
    assert (orders.temporal.heard, await orders.untold(order_id)) == ({}, 1)
    await orders.mode.sweep()  # starts it, and the wish is the first thing that it hears
    assert orders.temporal.heard[order_id][:1] == [domain.CUSTOMER]
    await orders.mode.sweep()
    assert await orders.untold(order_id) == 0


async def test_a_cancel_before_the_start_is_heard_first_whoever_starts_the_workflow(orders: Orders) -> None:
    """The answer to the cancel waits for the outcome, and starts a workflow that is not there yet."""
    order_id = await orders.place()
    await orders.wish_to_cancel(order_id)
    outcome = await orders.mode.answer(order_id, Wait.FINAL)
    assert (outcome.order.state, outcome.verdict) == (State.PENDING, Verdict.ACCEPTED)
    assert orders.temporal.heard == {order_id: [domain.CUSTOMER]}


async def test_a_workflow_that_has_ended_is_told_nothing_and_not_again(orders: Orders) -> None:
    order_id = await orders.place()
    await orders.mode.sweep()
    orders.temporal.ended.add(order_id)
    await orders.wish_to_cancel(order_id)
    assert (orders.temporal.heard, await orders.untold(order_id)) == ({order_id: []}, 0)


async def test_what_temporal_did_not_hear_is_told_when_it_is_back(orders: Orders) -> None:
    order_id = await orders.place()
    await orders.mode.sweep()
    orders.temporal.away = True
    await orders.wish_to_cancel(order_id)
    assert await orders.untold(order_id) == 1
    orders.temporal.away = False
    await orders.mode.sweep()
    assert (orders.temporal.heard, await orders.untold(order_id)) == ({order_id: [domain.CUSTOMER]}, 0)


async def test_a_start_that_is_refused_for_ever_is_set_aside(orders: Orders) -> None:
    order_id = await orders.place()
    orders.temporal.refuses = True
    await orders.mode.sweep()
    orders.temporal.refuses = False
    await orders.mode.sweep()
    assert orders.temporal.heard == {}
    async with orders.uow.begin() as tx:
        assert await tx.orchestrations.to_start(10) == []
        assert not await tx.orchestrations.has_started(order_id)
