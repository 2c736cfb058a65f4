"""The store and the use cases on a real PostgreSQL, with a card processor that fails when it is told to."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from kit import call
from kit.background import Background
from kit.channels import Unanswered
from kit.database import Database
from kit.errors import Problem
from kit.testing.events import Remembering, relay_to
from kit.testing.postgres import scratch_database
from services.payments import messages, usecases
from services.payments.domain import (
    Answer,
    OrderNotCancellable,
    Outcome,
    Payment,
    PaymentCancelled,
    PaymentUnknown,
    State,
    Terms,
)
from services.payments.settlement import Settlement
from services.payments.store import PaymentsUnitOfWork
from services.payments.usecases import AuthorizePayment, CancelPayment, CapturePayment, ProcessPayment
from services.payments.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ADA, BOB = uuid.uuid4(), uuid.uuid4()


@dataclass
class FakeProcessor:
    """One key's ledger in memory: approves, and can be away, before or after the effect."""

    away: bool = False
    answers_lost: int = 0
    gate: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    ledger: dict[uuid.UUID, Outcome] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    async def charge(self, payment: Payment) -> Answer:
        await self._passed()
        return self._say("charge", payment, self.ledger.get(payment.order_id, Outcome.APPROVED))

    async def authorize(self, payment: Payment) -> Answer:
        await self._passed()
        return self._say("authorize", payment, self.ledger.get(payment.order_id, Outcome.AUTHORIZED))

    async def capture(self, payment: Payment) -> Answer:
        await self._passed()
        there = self.ledger[payment.order_id]
        return self._say("capture", payment, Outcome.APPROVED if there is Outcome.AUTHORIZED else there)

    async def void(self, payment: Payment) -> Answer:
        there = self.ledger.get(payment.order_id, Outcome.AUTHORIZED)
        return self._say("void", payment, Outcome.VOIDED if there is Outcome.AUTHORIZED else there)

    async def refund(self, payment: Payment) -> Answer:
        assert self.ledger[payment.order_id] in (Outcome.APPROVED, Outcome.REFUNDED)
        return self._say("refund", payment, Outcome.REFUNDED)

    async def _passed(self) -> None:
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()

    def _say(self, verb: str, payment: Payment, outcome: Outcome) -> Answer:
        self.heard.append(verb)
        if self.away:
            raise Unanswered("processor", "UNREACHABLE", sent=False)
        self.ledger[payment.order_id] = outcome
        if self.answers_lost:
            self.answers_lost -= 1
            raise Unanswered("processor", "UNAVAILABLE", sent=True)
        return Answer(outcome)


@dataclass
class Shop:
    """The service without its RPCs."""

    database: Database
    uow: PaymentsUnitOfWork
    processor: FakeProcessor
    settlement: Settlement
    background: Background

    async def charge(self, order_id: uuid.UUID, amount: int = 1250) -> Payment:
        command = ProcessPayment(order_id, Terms(ADA, amount, "EUR", "tok_approved"), "SYNC")
        return await usecases.process_payment(command, self.uow, self.settlement)

    async def authorize(self, order_id: uuid.UUID) -> Payment:
        command = AuthorizePayment(order_id, Terms(ADA, 1250, "EUR", "tok_approved"), "ORCHESTRATION")
        return await usecases.authorize_payment(command, self.uow, self.settlement)

    async def capture(self, order_id: uuid.UUID) -> Payment:
        command = CapturePayment(order_id, "ORCHESTRATION")
        return await usecases.capture_payment(command, self.uow, self.settlement)

    async def cancel(self, order_id: uuid.UUID) -> Payment:
        command = CancelPayment(order_id, "CANCELLED_BY_CUSTOMER", "SYNC")
        return await usecases.cancel_payment(command, self.uow, self.settlement)

    async def state(self, order_id: uuid.UUID) -> State:
        async with self.uow.begin() as tx:
            return (await tx.read_payment(order_id, None)).state

    async def told(self, order_id: uuid.UUID) -> list[str]:
        """The events written of an order, in their order."""
        async with self.database.transaction() as connection:
            query = "select type from outbox where key = $1 order by version"
            rows = await connection.fetch(query, order_id)
        return [row["type"].rsplit(".", 1)[-1] for row in rows]

    async def lease_over(self) -> None:
        async with self.database.transaction() as connection:
            await connection.execute("update payments set next_attempt_time = now() - interval '1 second'")

    async def abandoned(self, order_id: uuid.UUID) -> None:
        """An open charge, as a process that was killed leaves it."""
        self.processor.away = True
        with pytest.raises(PaymentUnknown):
            await self.charge(order_id)
        self.processor.away = False
        self.processor.heard.clear()
        await self.lease_over()


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setattr("services.payments.settlement.PAUSES", (0.01, 0.01))
    monkeypatch.setattr("services.payments.usecases.CANCEL_SECONDS", 0.05)
    async with scratch_database(MIGRATIONS) as database:
        uow = PaymentsUnitOfWork(database, relay_to(Remembering(), database), messages.to_event)
        processor, background = FakeProcessor(), Background()
        yield Shop(database, uow, processor, Settlement(uow, processor, background), background)
        await background.drain(1)


async def test_a_charge_is_made_once_and_a_repeat_asks_nobody(shop: Shop) -> None:
    order_id = uuid.uuid4()
    for _ in range(2):
        assert (await shop.charge(order_id)).state is State.CHARGED
    assert shop.processor.heard == ["charge"]


async def test_parallel_charges_of_one_order_share_one_call(shop: Shop) -> None:
    order_id = uuid.uuid4()
    payments = await asyncio.gather(*(shop.charge(order_id) for _ in range(8)))
    assert {payment.state for payment in payments} == {State.CHARGED}
    assert shop.processor.heard == ["charge"]


async def test_a_lost_answer_is_asked_for_again(shop: Shop) -> None:
    shop.processor.answers_lost = 2
    assert (await shop.charge(uuid.uuid4())).state is State.CHARGED
    assert shop.processor.heard == ["charge"] * 3


async def test_an_unknown_outcome_is_said_and_left_to_the_sweeper(shop: Shop) -> None:
    order_id = uuid.uuid4()
    await shop.abandoned(order_id)
    assert await shop.state(order_id) is State.CHARGING
    await shop.settlement.sweep()
    assert await shop.state(order_id) is State.CHARGED


async def test_the_sweeper_leaves_a_charge_alone_while_somebody_is_at_it(shop: Shop) -> None:
    order_id = uuid.uuid4()
    shop.processor.away = True
    with pytest.raises(PaymentUnknown):
        await shop.charge(order_id)
    shop.processor.heard.clear()
    await shop.settlement.sweep()
    assert shop.processor.heard == []


async def test_two_sweepers_share_the_work_and_wait_longer_each_time(shop: Shop) -> None:
    orders = [uuid.uuid4() for _ in range(6)]
    for order_id in orders:
        await shop.abandoned(order_id)
    async with shop.uow.begin() as one, shop.uow.begin() as other:
        taken = [*await one.take_overdue(3), *await other.take_overdue(20)]
    assert sorted(payment.order_id for payment in taken) == sorted(orders)
    leases = []
    for _ in range(4):
        await shop.lease_over()
        async with shop.uow.begin() as tx:
            await tx.take_overdue(20)
        async with shop.database.transaction() as connection:
            seconds = "extract(epoch from next_attempt_time - clock_timestamp())"
            leases.append(await connection.fetchval(f"select round(avg({seconds})) from payments"))
    assert leases == [10, 20, 30, 30]


async def test_a_cancel_that_comes_first_leaves_a_tombstone(shop: Shop) -> None:
    order_id = uuid.uuid4()
    assert (await shop.cancel(order_id)).state is State.VOIDED
    with pytest.raises(PaymentCancelled):
        await shop.charge(order_id)
    assert shop.processor.heard == []


async def test_a_cancel_after_the_charge_is_refused(shop: Shop) -> None:
    order_id = uuid.uuid4()
    await shop.charge(order_id)
    with pytest.raises(OrderNotCancellable):
        await shop.cancel(order_id)


async def test_a_cancel_during_the_charge_pays_back(shop: Shop) -> None:
    order_id = uuid.uuid4()
    shop.processor.gate = asyncio.Event()
    charging = asyncio.create_task(shop.charge(order_id))
    await shop.processor.reached.wait()
    assert (await shop.cancel(order_id)).cancel_requested
    shop.processor.gate.set()
    with pytest.raises(PaymentCancelled):
        await charging
    assert shop.processor.heard == ["charge", "refund"]
    assert await shop.state(order_id) is State.REFUNDED


async def test_a_cancel_of_an_abandoned_charge_kills_the_key(shop: Shop) -> None:
    order_id = uuid.uuid4()
    await shop.abandoned(order_id)
    promised = await shop.cancel(order_id)
    assert (promised.state, promised.cancel_requested) == (State.CHARGING, True)
    await shop.settlement.sweep()
    assert await shop.state(order_id) is State.VOIDED
    assert shop.processor.heard == ["void"]


async def test_a_cancel_of_an_abandoned_charge_that_was_approved_pays_back(shop: Shop) -> None:
    order_id = uuid.uuid4()
    await shop.abandoned(order_id)
    shop.processor.ledger[order_id] = Outcome.APPROVED
    await shop.cancel(order_id)
    await shop.settlement.sweep()
    assert await shop.state(order_id) is State.REFUNDED
    assert shop.processor.heard == ["void", "refund"]


async def test_nothing_is_called_refunded_before_the_processor_has_paid_back(shop: Shop) -> None:
    order_id = uuid.uuid4()
    await shop.abandoned(order_id)
    shop.processor.ledger[order_id] = Outcome.APPROVED
    await shop.cancel(order_id)

    async def refund(payment: Payment) -> Answer:
        raise Unanswered("processor", "UNAVAILABLE", sent=True)

    working, shop.processor.refund = shop.processor.refund, refund  # type: ignore[method-assign]
    await shop.settlement.sweep()
    assert await shop.state(order_id) is State.CHARGING
    shop.processor.refund = working  # type: ignore[method-assign]
    await shop.lease_over()
    await shop.settlement.sweep()
    assert await shop.state(order_id) is State.REFUNDED


async def test_a_charge_goes_on_when_its_caller_has_gone(shop: Shop) -> None:
    order_id = uuid.uuid4()
    shop.processor.gate = asyncio.Event()
    charging = asyncio.create_task(shop.charge(order_id))
    await shop.processor.reached.wait()
    charging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await charging
    shop.processor.gate.set()
    await shop.background.drain(1)
    assert await shop.state(order_id) is State.CHARGED


async def test_a_caller_in_a_hurry_is_told_that_the_outcome_is_unknown_and_the_charge_goes_on(
    shop: Shop,
) -> None:
    order_id = uuid.uuid4()
    shop.processor.gate = asyncio.Event()
    call.set_deadline(0.5)
    with pytest.raises(PaymentUnknown):
        await shop.charge(order_id)
    shop.processor.gate.set()
    await shop.background.drain(1)
    assert await shop.state(order_id) is State.CHARGED


async def test_an_authorisation_is_made_once_and_captured_once(shop: Shop) -> None:
    order_id = uuid.uuid4()
    for _ in range(2):
        assert (await shop.authorize(order_id)).state is State.AUTHORIZED
    assert await shop.told(order_id) == ["PaymentAuthorized"]
    for _ in range(2):
        assert (await shop.capture(order_id)).state is State.CHARGED
    assert (await shop.authorize(order_id)).state is State.CHARGED
    assert shop.processor.heard == ["authorize", "capture"]
    assert await shop.told(order_id) == ["PaymentAuthorized", "PaymentCaptured", "PaymentProcessed"]
    with pytest.raises(OrderNotCancellable):
        await shop.cancel(order_id)


async def test_parallel_captures_of_one_order_share_one_call(shop: Shop) -> None:
    order_id = uuid.uuid4()
    await shop.authorize(order_id)
    payments = await asyncio.gather(*(shop.capture(order_id) for _ in range(8)))
    assert {payment.state for payment in payments} == {State.CHARGED}
    assert shop.processor.heard == ["authorize", "capture"]


async def test_a_cancel_voids_an_authorisation(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.payments.usecases.CANCEL_SECONDS", 4.5)
    order_id = uuid.uuid4()
    await shop.authorize(order_id)
    for _ in range(2):
        assert (await shop.cancel(order_id)).state is State.VOIDED
    for late in (shop.capture(order_id), shop.authorize(order_id)):
        with pytest.raises(PaymentCancelled):
            await late
    assert shop.processor.heard == ["authorize", "void"]
    assert await shop.told(order_id) == ["PaymentAuthorized", "PaymentVoided", "PaymentFailed"]


async def test_a_void_that_is_not_answered_is_promised_and_swept(shop: Shop) -> None:
    await shop.authorize(order_id := uuid.uuid4())
    shop.processor.away = True
    promised = await shop.cancel(order_id)
    assert (promised.state, promised.cancel_requested) == (State.AUTHORIZED, True)
    with pytest.raises(PaymentCancelled):
        await shop.capture(order_id)
    await shop.background.drain(1)
    shop.processor.away = False
    await shop.lease_over()
    await shop.settlement.sweep()
    assert await shop.state(order_id) is State.VOIDED


async def test_a_cancel_during_the_authorisation_voids_it(shop: Shop) -> None:
    order_id = uuid.uuid4()
    shop.processor.gate = asyncio.Event()
    authorizing = asyncio.create_task(shop.authorize(order_id))
    await shop.processor.reached.wait()
    promised = await shop.cancel(order_id)
    assert (promised.state, promised.cancel_requested) == (State.AUTHORIZING, True)
    shop.processor.gate.set()
    with pytest.raises(PaymentCancelled):
        await authorizing
    await shop.background.drain(1)
    assert shop.processor.heard == ["authorize", "void"]
    assert await shop.told(order_id) == ["PaymentAuthorized", "PaymentVoided", "PaymentFailed"]


@pytest.mark.parametrize(
    ("moved", "state", "heard"),
    [(False, State.VOIDED, ["void"]), (True, State.REFUNDED, ["void", "refund"])],
)
async def test_a_cancel_of_an_abandoned_capture_guesses_nothing(
    shop: Shop, moved: bool, state: State, heard: list[str]
) -> None:
    order_id = uuid.uuid4()
    await shop.authorize(order_id)
    shop.processor.away = True
    with pytest.raises(PaymentUnknown):
        await shop.capture(order_id)
    assert (await shop.cancel(order_id)).cancel_requested
    shop.processor.away = False
    shop.processor.heard.clear()
    if moved:
        shop.processor.ledger[order_id] = Outcome.APPROVED
    await shop.lease_over()
    await shop.settlement.sweep()
    assert (await shop.state(order_id), shop.processor.heard) == (state, heard)


async def test_an_authorisation_at_rest_is_left_alone_by_the_sweeper(shop: Shop) -> None:
    await shop.authorize(uuid.uuid4())
    await shop.lease_over()
    await shop.settlement.sweep()
    assert shop.processor.heard == ["authorize"]


async def test_a_payment_is_read_by_its_owner_and_by_operators_only(shop: Shop) -> None:
    charged, tombstone = uuid.uuid4(), uuid.uuid4()
    await shop.charge(charged)
    await shop.cancel(tombstone)
    ada, bob, olga = call.Caller(ADA, "customer"), call.Caller(BOB, "customer"), call.Caller(BOB, "operator")
    assert (await usecases.get_payment(charged, ada, shop.uow)).state is State.CHARGED
    assert (await usecases.get_payment(charged, olga, shop.uow)).state is State.CHARGED
    assert (await usecases.get_payment(tombstone, olga, shop.uow)).state is State.VOIDED
    for order_id, caller in [(charged, bob), (tombstone, ada), (uuid.uuid4(), ada), (uuid.uuid4(), olga)]:
        with pytest.raises(Problem) as error:
            await usecases.get_payment(order_id, caller, shop.uow)
        assert error.value.reason == "ACCESS_DENIED"
