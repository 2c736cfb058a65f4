"""The store and the use cases on a real PostgreSQL: what the ledger's entries add up to."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from kit.database import Database
from kit.testing.postgres import scratch_database
from services.payments.processor import usecases
from services.payments.processor.domain import ChargeApproved, ChargeNotFound, ProcessorUnavailable, State
from services.payments.processor.store import ProcessorUnitOfWork
from services.payments.processor.usecases import CreateCharge
from services.payments.processor.wiring import MIGRATIONS

GOOD = "tok_approved"
pytestmark = pytest.mark.postgres


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with scratch_database(MIGRATIONS) as database:
        yield database


@pytest.fixture
def uow(database: Database) -> ProcessorUnitOfWork:
    return ProcessorUnitOfWork(database)


async def entries(database: Database) -> list[tuple[str, str, int]]:
    async with database.transaction() as connection:
        rows = await connection.fetch("select key, kind, amount_minor from entries order by entry_id")
    return [tuple(row) for row in rows]


def charge(key: str = "a", token: str = GOOD) -> CreateCharge:
    return CreateCharge(key, 1250, "EUR", token)


async def test_parallel_charges_with_one_key_move_the_money_once(
    database: Database, uow: ProcessorUnitOfWork
) -> None:
    decisions = await asyncio.gather(*(usecases.create_charge(charge(), uow) for _ in range(8)))
    assert {decision.answer().state for decision in decisions} == {State.APPROVED}
    assert await entries(database) == [("a", "CHARGE", 1250)]


async def test_parallel_refunds_move_the_money_back_once(
    database: Database, uow: ProcessorUnitOfWork
) -> None:
    await usecases.create_charge(charge(), uow)
    await asyncio.gather(*(usecases.refund_charge("a", uow) for _ in range(8)))
    assert await entries(database) == [("a", "CHARGE", 1250), ("a", "REFUND", 1250)]


async def test_a_void_that_comes_first_kills_the_key_for_ever(
    database: Database, uow: ProcessorUnitOfWork
) -> None:
    assert (await usecases.void_charge("a", uow)).state is State.VOIDED
    assert (await usecases.create_charge(charge(), uow)).answer().state is State.VOIDED
    assert await entries(database) == []


async def test_a_void_that_comes_too_late_is_refused(uow: ProcessorUnitOfWork) -> None:
    await usecases.create_charge(charge(), uow)
    with pytest.raises(ChargeApproved):
        await usecases.void_charge("a", uow)


async def test_a_slow_charge_meets_the_void_that_overtook_it(
    database: Database, uow: ProcessorUnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payments.processor.domain.SLOW_SECONDS", 0.3)
    slow = asyncio.create_task(usecases.create_charge(charge(token="tok_slow"), uow))
    await asyncio.sleep(0.1)
    with pytest.raises(ChargeNotFound):
        await usecases.get_charge("a", uow)
    await usecases.void_charge("a", uow)
    assert (await slow).answer().state is State.VOIDED
    assert await entries(database) == []


async def test_a_lost_reply_is_in_the_ledger_and_the_repeat_gets_it(
    database: Database, uow: ProcessorUnitOfWork
) -> None:
    with pytest.raises(ProcessorUnavailable):
        (await usecases.create_charge(charge(token="tok_reply_lost"), uow)).answer()
    assert await entries(database) == [("a", "CHARGE", 1250)]
    repeat = await usecases.create_charge(charge(token="tok_reply_lost"), uow)
    assert repeat.answer().state is State.APPROVED
    assert await entries(database) == [("a", "CHARGE", 1250)]


async def test_a_card_that_fails_twice_leaves_nothing_in_the_ledger_before_the_third_try(
    database: Database, uow: ProcessorUnitOfWork
) -> None:
    for _ in range(2):
        with pytest.raises(ProcessorUnavailable):
            (await usecases.create_charge(charge(token="tok_fails_twice"), uow)).answer()
        with pytest.raises(ChargeNotFound):
            await usecases.get_charge("a", uow)
    third = await usecases.create_charge(charge(token="tok_fails_twice"), uow)
    assert third.answer().state is State.APPROVED
    assert await entries(database) == [("a", "CHARGE", 1250)]


async def test_the_ledger_itself_refuses_a_second_charge_under_one_key(
    database: Database, uow: ProcessorUnitOfWork
) -> None:
    await usecases.create_charge(charge(), uow)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with database.transaction() as connection:
            await connection.execute(
                "insert into entries (key, kind, amount_minor, currency_code)"
                " values ('a', 'CHARGE', 1, 'EUR')"
            )
