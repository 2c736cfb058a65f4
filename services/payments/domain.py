"""The rules of a payment, the arbiter of its order: whoever changes its row first has won the race.

Pure and total: every state answers every message; `docs/sagas.md` has the table. A decision says the
new state, which facts are true from then on, what the asker is told, and whether the processor must pay
back before any of it may be written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class State(StrEnum):
    """Where a payment stands."""

    NONE = "NONE"
    CHARGING = "CHARGING"
    CHARGED = "CHARGED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


class Outcome(StrEnum):
    """What the card processor has decided."""

    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True)
class Answer:
    """The card processor's answer, and why if it declined."""

    outcome: Outcome
    decline_code: str = ""


@dataclass(frozen=True)
class Terms:
    """Who pays how much with what. The token is useless elsewhere, and shown nowhere."""

    customer_id: UUID
    amount_minor: int
    currency_code: str
    payment_token: str = field(repr=False)


@dataclass(frozen=True)
class Payment:
    """The one payment of one order; without terms it is a tombstone, or its order is not heard of yet.

    `stock_reserved` and the terms of a payment that is NONE are what a choreographed saga has told so far.
    """

    order_id: UUID
    state: State = State.NONE
    terms: Terms | None = None
    reason: str = ""
    decline_code: str = ""
    cancel_requested: bool = False
    cancel_reason: str = ""
    stock_reserved: bool = False
    create_time: datetime | None = None
    update_time: datetime | None = None


@dataclass(frozen=True)
class PaymentProcessed:
    """The customer has paid."""

    order_id: UUID


@dataclass(frozen=True)
class PaymentFailed:
    """No money has moved, or none stays moved, and none will."""

    order_id: UUID
    reason: str


@dataclass(frozen=True)
class PaymentRefunded:
    """The money was moved and moved back."""

    order_id: UUID


Fact = PaymentProcessed | PaymentFailed | PaymentRefunded


class PaymentDeclined(Exception):
    """The card processor refused to charge."""

    kind, reason = "refused", "PAYMENT_DECLINED"

    def __init__(self, payment: Payment) -> None:
        super().__init__("the card was declined; place a new order with another means of payment")
        self.details = {"decline_code": payment.decline_code, "reason": payment.reason}


class PaymentCancelled(Exception):
    """The cancel came first: this order is never charged."""

    kind, reason = "refused", "PAYMENT_CANCELLED"

    def __init__(self, payment: Payment) -> None:
        super().__init__("the order was cancelled before it was paid")
        self.details = {"cancel_reason": payment.reason}


class OrderNotCancellable(Exception):
    """The charge came first: the customer has paid."""

    kind, reason = "refused", "ORDER_NOT_CANCELLABLE"

    def __init__(self, payment: Payment) -> None:
        super().__init__("the order is paid and cannot be cancelled any more")
        self.details = {"state": str(payment.state)}


class TermsDiffer(Exception):
    """The order was to be charged on other terms."""

    kind, reason = "invalid", "REQUEST_ID_MISMATCH"


class ProcessorContradicts(Exception):
    """The card processor says what cannot follow from what it said before."""

    kind, reason = "internal", "PROCESSOR_CONTRADICTS"


class PaymentUnknown(Exception):
    """The card processor has not answered yet: it is open whether money has moved."""

    kind, reason = "unavailable", "PAYMENT_UNKNOWN"


@dataclass(frozen=True)
class Decision:
    """What follows from one message.

    `refund_first`: true only once the processor has paid back; until then nothing of it may be written.
    """

    payment: Payment
    facts: tuple[Fact, ...] = ()
    refusal: Exception | None = None
    alarm: bool = False
    refund_first: bool = False

    def answer(self) -> Payment:
        """The payment, or the refusal raised."""
        if self.refusal is not None:
            raise self.refusal
        return self.payment


_EXPECTED: Mapping[State, frozenset[Outcome]] = {
    State.CHARGED: frozenset({Outcome.APPROVED}),
    State.DECLINED: frozenset({Outcome.DECLINED}),
    State.VOIDED: frozenset({Outcome.VOIDED}),
    State.REFUNDED: frozenset({Outcome.APPROVED, Outcome.REFUNDED}),
}
"""What the processor may say, late or again, of a payment whose outcome is recorded."""


def charge(payment: Payment, terms: Terms, now: datetime) -> Decision:
    """Charge once an order; a repeat gets the answer of the first; a cancelled order is never charged."""
    if payment.terms is not None and payment.terms != terms:
        return Decision(payment, refusal=TermsDiffer("the order was to be charged on other terms before"))
    if payment.state is State.NONE:
        return Decision(replace(payment, state=State.CHARGING, terms=terms, update_time=now))
    if payment.state is State.DECLINED:
        return Decision(payment, refusal=PaymentDeclined(payment))
    if payment.state in (State.VOIDED, State.REFUNDED):
        return Decision(payment, refusal=PaymentCancelled(payment))
    return Decision(payment)


def order_placed(payment: Payment, terms: Terms, now: datetime) -> Decision:
    """Learn what the order costs; charge if its stock is known to be reserved."""
    if payment.terms is not None and payment.terms != terms:
        return Decision(payment, refusal=TermsDiffer("the order was placed on other terms"), alarm=True)
    if payment.state is not State.NONE:
        return Decision(payment)
    if payment.stock_reserved:
        return charge(payment, terms, now)
    return Decision(replace(payment, terms=terms))


def stock_reserved(payment: Payment, now: datetime) -> Decision:
    """Learn that the stock is held; charge if it is known what the order costs."""
    if payment.state is not State.NONE:
        return Decision(payment)
    if payment.terms is not None:
        return charge(replace(payment, stock_reserved=True), payment.terms, now)
    return Decision(replace(payment, stock_reserved=True))


def cancel(payment: Payment, reason: str, now: datetime) -> Decision:
    """See to it that no money stays moved. An open charge is ended as soon as its outcome is known."""
    match payment.state:
        case State.NONE:
            return _ended(payment, State.VOIDED, reason, now)
        case State.CHARGING if not payment.cancel_requested:
            return Decision(replace(payment, cancel_requested=True, cancel_reason=reason, update_time=now))
        case State.CHARGED:
            return Decision(payment, refusal=OrderNotCancellable(payment))
    return Decision(payment)


def processor_answered(payment: Payment, answer: Answer, now: datetime) -> Decision:
    """Take down what became of an open charge; a late or repeated answer changes nothing."""
    if payment.state is not State.CHARGING:
        if answer.outcome in _EXPECTED.get(payment.state, ()):
            return Decision(payment)
        said = f"{answer.outcome} said of a payment that is {payment.state}"
        return Decision(payment, refusal=ProcessorContradicts(said), alarm=True)
    match answer.outcome:
        case Outcome.APPROVED if not payment.cancel_requested:
            charged = replace(payment, state=State.CHARGED, update_time=now)
            return Decision(charged, (PaymentProcessed(payment.order_id),))
        case Outcome.DECLINED:
            declined = replace(payment, decline_code=answer.decline_code)
            return _ended(declined, State.DECLINED, PaymentDeclined.reason, now)
        case Outcome.VOIDED:
            return _ended(payment, State.VOIDED, payment.cancel_reason or "VOIDED_BY_PROCESSOR", now)
    reason = payment.cancel_reason or "REFUNDED_BY_PROCESSOR"
    ended = _ended(payment, State.REFUNDED, reason, now)
    facts = (PaymentRefunded(payment.order_id), *ended.facts)
    return replace(ended, facts=facts, refund_first=answer.outcome is Outcome.APPROVED)


def _ended(payment: Payment, state: State, reason: str, now: datetime) -> Decision:
    """The payment has failed, for ever."""
    ended = replace(payment, state=state, reason=reason, update_time=now)
    return Decision(ended, (PaymentFailed(payment.order_id, reason),))
