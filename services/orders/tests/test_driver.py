"""What is read of a synchronous order while somebody else carries it on; on a real PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from kit.channels import Peer
from kit.database import Database
from kit.testing.events import Remembering, relay_to
from kit.testing.postgres import scratch_database
from services.orders import domain, messages
from services.orders.changes import ChangeHub
from services.orders.coordination.driver import Driver, outcome_of
from services.orders.coordination.journal import Step
from services.orders.coordination.participants import Participants
from services.orders.coordination.store import Journal
from services.orders.domain import Coordination, Told
from services.orders.outcome import Verdict
from services.orders.store import OrdersTransaction, OrdersUnitOfWork
from services.orders.tests.shop import new_order
from services.orders.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ORDER = new_order(Coordination.SYNC)
Read = Callable[..., Awaitable[Any]]


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with scratch_database(MIGRATIONS) as found:
        yield found


async def test_an_order_that_is_paid_while_it_is_looked_at_is_never_told_as_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    uow = OrdersUnitOfWork(database, ChangeHub(), relay_to(Remembering(), database), messages.to_event)
    away = Peer("nobody", "127.0.0.1:1")
    driver = Driver(uow, Participants(away, away, away), ChangeHub(), 60.0)
    async with uow.begin() as tx:
        await tx.add(domain.place(ORDER), "tok_approved")
        await tx.journal.open(ORDER.order_id, "tok_approved", 60.0)
    pay = _once(lambda: _paid(uow))
    monkeypatch.setattr(OrdersTransaction, "order", _followed_by(pay, OrdersTransaction.order))
    monkeypatch.setattr(Journal, "read", _followed_by(pay, Journal.read))
    assert outcome_of(*await driver.read(ORDER.order_id)).verdict in (Verdict.OPEN, Verdict.CONFIRMED)
    assert outcome_of(*await driver.read(ORDER.order_id)).verdict is Verdict.CONFIRMED


async def _paid(uow: OrdersUnitOfWork) -> None:
    """What a driver writes when the charge has gone through."""
    async with uow.begin() as tx:
        seen = await tx.journal.read(ORDER.order_id)
        assert await tx.journal.write(seen, replace(seen, step=Step.FINISH), 60.0)
        await tx.record(domain.hear(await tx.order(ORDER.order_id), Told.PAYMENT_PROCESSED, ""))


def _once(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    left = [work]

    async def done() -> None:
        if left:
            await left.pop()()

    return done


def _followed_by(work: Callable[[], Awaitable[None]], read: Read) -> Read:
    """The same, and right after it whatever somebody else does."""

    async def wrapped(*arguments: Any, **options: Any) -> Any:
        found = await read(*arguments, **options)
        await work()
        return found

    return wrapped
