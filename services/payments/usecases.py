"""What the payments service does when it is asked: load, decide, record, in one transaction.

What an open payment takes beyond that, the calls to the card processor, is in `settlement.py`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import kit
from kit import call
from kit.errors import illegal_transition
from services.payments import domain
from services.payments.domain import Decision, Payment, PaymentUnknown, State, Terms

CHARGE_SECONDS = 6.0
"""How long a charge is waited for, if the caller waits that long."""
CANCEL_SECONDS = 1.0
"""How long a cancel waits for a charge that is just under way, to say its end instead of a promise."""
HEAR_SECONDS = 4.5
"""How long the event that has brought a charge about waits for its outcome; then the sweeper sees to it."""
TO_ANSWER_SECONDS = 0.2
"""What of the caller's deadline is kept for saying that the outcome is unknown."""


@dataclass(frozen=True)
class ProcessPayment:
    """Charge this order."""

    order_id: UUID
    terms: Terms
    coordination: str


@dataclass(frozen=True)
class AuthorizePayment:
    """Set the money of this order aside."""

    order_id: UUID
    terms: Terms
    coordination: str


@dataclass(frozen=True)
class CapturePayment:
    """Move what was set aside for this order."""

    order_id: UUID
    coordination: str


@dataclass(frozen=True)
class CancelPayment:
    """See to it that this order is never charged; `event_id` if an event says so, and no call."""

    order_id: UUID
    reason: str
    coordination: str
    event_id: UUID | None = None


@dataclass(frozen=True)
class HearOfOrder:
    """An event tells what an order costs, or (terms None) that its stock is held."""

    order_id: UUID
    terms: Terms | None
    coordination: str
    event_id: UUID


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def payment(self, order_id: UUID, coordination: str) -> tuple[Payment, datetime]:
        """The order's payment, locked, and the database's time."""

    async def mark(self, event_id: UUID) -> None:
        """The event has had its effect, or somebody else sees to it."""

    async def record(self, decision: Decision) -> None:
        """Write what was decided."""

    async def read_payment(self, order_id: UUID, customer_id: UUID | None) -> Payment:
        """The payment of an order of this customer, or of anybody's; raises ACCESS_DENIED."""

    async def read_payments(self, order_ids: Sequence[UUID], customer_id: UUID | None) -> Sequence[Payment]:
        """The payments of those of these orders that are this customer's, or anybody's."""

    async def take_overdue(self, limit: int) -> list[Payment]:
        """Open payments that nobody has looked after in time; they are ours for a while."""


@dataclass(frozen=True)
class Step:
    """A step on money: the state while its outcome is open, and the rule that opens and answers it."""

    name: str
    open: State
    rule: Callable[[Payment, datetime], Decision]


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self, event_id: UUID | None = None) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well; raises AlreadyApplied for an event that had
        its effect before.
        """

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""

    def hear(self, event_id: UUID) -> AbstractAsyncContextManager[Transaction]:
        """The first of several transactions that an event brings about; the last marks it."""


class Settling(Protocol):
    """Brings open payments to their end."""

    async def outcome(self, payment: Payment, seconds: float) -> Payment:
        """What becomes of an open payment within so many seconds; it goes on whoever stops waiting."""

    async def outcome_of_event(self, payment: Payment, seconds: float, event_id: UUID) -> None:
        """The same for an event that has brought the charge about: it is marked with the outcome."""

    async def under_way(self, payment: Payment, seconds: float) -> Payment:
        """The same, only if somebody here is at it already."""


async def process_payment(command: ProcessPayment, uow: UnitOfWork, settling: Settling) -> Payment:
    """Charge an order once. The processor is called outside the transactions, between the two."""

    def rule(payment: Payment, now: datetime) -> Decision:
        return domain.charge(payment, command.terms, now)

    return await _carried_out(command, Step("charge", State.CHARGING, rule), uow, settling)


async def authorize_payment(command: AuthorizePayment, uow: UnitOfWork, settling: Settling) -> Payment:
    """Set the money of an order aside once, as a charge is made."""

    def rule(payment: Payment, now: datetime) -> Decision:
        return domain.authorize(payment, command.terms, now)

    return await _carried_out(command, Step("authorize", State.AUTHORIZING, rule), uow, settling)


async def capture_payment(command: CapturePayment, uow: UnitOfWork, settling: Settling) -> Payment:
    """Move what was set aside, once, as a charge is made."""
    return await _carried_out(command, Step("capture", State.CAPTURING, domain.capture), uow, settling)


async def _carried_out(
    command: ProcessPayment | AuthorizePayment | CapturePayment,
    step: Step,
    uow: UnitOfWork,
    settling: Settling,
) -> Payment:
    """Note the step, let it be settled, and say what the rule says of its outcome."""
    async with uow.begin() as tx:
        payment, now = await tx.payment(command.order_id, command.coordination)
        decision = step.rule(payment, now)
        await tx.record(decision)
    kit.crashpoint("payments.after_transaction_1")
    kit.crashpoint(f"payments.after_{step.name}_noted")
    payment = decision.answer()
    if payment.state is step.open:
        seconds = call.remaining(CHARGE_SECONDS) - TO_ANSWER_SECONDS
        settled = await settling.outcome(payment, seconds)
        payment = step.rule(settled, now).answer()
    if payment.state is step.open:
        raise PaymentUnknown("the card processor has not answered; ask again, nothing is charged twice")
    return payment


async def cancel_payment(command: CancelPayment, uow: UnitOfWork, settling: Settling) -> Payment:
    """Promise that no money stays moved or set aside; refused once the order is charged."""
    async with uow.begin(command.event_id) as tx:
        payment, now = await tx.payment(command.order_id, command.coordination)
        decision = domain.cancel(payment, command.reason, now)
        await tx.record(decision)
    if command.event_id is not None:
        return decision.payment  # nobody waits for an answer; what was too late is too late
    payment = decision.answer()
    if payment.state is State.AUTHORIZED:
        payment = await settling.outcome(payment, call.remaining(CANCEL_SECONDS))
    elif payment.is_open:
        payment = await settling.under_way(payment, call.remaining(CANCEL_SECONDS))
    return payment


async def hear_of_order(command: HearOfOrder, uow: UnitOfWork, settling: Settling) -> None:
    """Charge when it is known what the order costs and that its stock is held, in whichever order."""
    async with uow.hear(command.event_id) as tx:
        payment, now = await tx.payment(command.order_id, command.coordination)
        if command.terms is not None:
            decision = domain.order_placed(payment, command.terms, now)
        else:
            decision = domain.stock_reserved(payment, now)
        if decision.alarm:
            raise illegal_transition(payment.state)
        await tx.record(decision)
        if decision.payment.state is not State.CHARGING:
            await tx.mark(command.event_id)
            return
    kit.crashpoint("payments.after_transaction_1")
    await settling.outcome_of_event(decision.payment, HEAR_SECONDS, command.event_id)


async def get_payment(order_id: UUID, caller: call.Caller, uow: UnitOfWork) -> Payment:
    """Read the payment of one of the caller's orders; of any for an operator."""
    async with uow.statement() as tx:
        return await tx.read_payment(order_id, None if caller.is_operator else caller.user_id)


async def batch_get_payments(
    order_ids: Sequence[UUID], caller: call.Caller, uow: UnitOfWork
) -> Sequence[Payment]:
    """Read the payments of those of the orders that the caller may see and that have one."""
    async with uow.statement() as tx:
        return await tx.read_payments(order_ids, None if caller.is_operator else caller.user_id)
