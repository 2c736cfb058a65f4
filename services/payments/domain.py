"""The rules of a payment, the arbiter of its order: whoever changes its row first has won the race.

Pure and total: every state answers every message; `docs/sagas.md` has the tables. A decision says the
new state, which facts are true from then on, what the asker is told, and whether the processor must pay
back before any of it may be written. The words that the rules speak in stand in `payment.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.payments.payment import (
    Answer,
    Fact,
    OrderNotCancellable,
    Outcome,
    Payment,
    PaymentAuthorized,
    PaymentCancelled,
    PaymentCaptured,
    PaymentDeclined,
    PaymentFailed,
    PaymentKindMismatch,
    PaymentNotAuthorized,
    PaymentProcessed,
    PaymentRefunded,
    PaymentUnknown,
    PaymentVoided,
    ProcessorContradicts,
    State,
    Terms,
    TermsDiffer,
)

__all__ = [
    "Answer",
    "Decision",
    "Fact",
    "OrderNotCancellable",
    "Outcome",
    "Payment",
    "PaymentAuthorized",
    "PaymentCancelled",
    "PaymentCaptured",
    "PaymentDeclined",
    "PaymentFailed",
    "PaymentKindMismatch",
    "PaymentNotAuthorized",
    "PaymentProcessed",
    "PaymentRefunded",
    "PaymentUnknown",
    "PaymentVoided",
    "ProcessorContradicts",
    "State",
    "Terms",
    "TermsDiffer",
    "authorize",
    "cancel",
    "capture",
    "charge",
    "order_placed",
    "processor_answered",
    "stock_reserved",
]


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

_AFTER_AUTHORIZATION = (State.AUTHORIZED, State.CAPTURING, State.CHARGED, State.VOIDED, State.REFUNDED)
"""Where the answer that it is authorised may come late or again, if it was authorised first."""


def charge(payment: Payment, terms: Terms, now: datetime) -> Decision:
    """Charge once an order; a repeat gets the answer of the first; a cancelled order is never charged."""
    return _begin(payment, terms, State.CHARGING, now)


def authorize(payment: Payment, terms: Terms, now: datetime) -> Decision:
    """Set the money aside once an order, to be captured later; repeats and cancels as with a charge."""
    return _begin(payment, terms, State.AUTHORIZING, now)


def _begin(payment: Payment, terms: Terms, begun: State, now: datetime) -> Decision:
    authorize_first = begun is State.AUTHORIZING
    if payment.terms is not None and payment.terms != terms:
        return Decision(payment, refusal=TermsDiffer("the order was to be charged on other terms before"))
    if payment.state is State.NONE:
        opened = replace(payment, state=begun, terms=terms, authorize_first=authorize_first, update_time=now)
        return Decision(opened)
    return Decision(payment, refusal=_refusal(payment, begun, authorize_first=authorize_first))


def capture(payment: Payment, now: datetime) -> Decision:
    """Move the money that was set aside, once; a cancel that came first is final."""
    refusal = _refusal(payment, State.CAPTURING, authorize_first=True)
    if refusal is None and payment.state in (State.NONE, State.AUTHORIZING):
        refusal = PaymentNotAuthorized(payment)
    if refusal is None and payment.state is State.AUTHORIZED:
        return Decision(replace(payment, state=State.CAPTURING, update_time=now))
    return Decision(payment, refusal=refusal)


def _refusal(payment: Payment, step: State, *, authorize_first: bool) -> Exception | None:
    """Why money may not be set aside or moved, if so: it has failed, is promised to fail, or is paid the
    other way. Who asks for a step that is under way is to hear of its outcome instead.
    """
    if payment.state is State.DECLINED:
        return PaymentDeclined(payment)
    if payment.state in (State.VOIDED, State.REFUNDED):
        return PaymentCancelled(payment)
    if payment.state is not State.NONE and payment.authorize_first != authorize_first:
        return PaymentKindMismatch(payment)
    if payment.cancel_requested and payment.state is not step:
        return PaymentCancelled(payment)
    return None


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
    """See to it that no money stays moved or set aside. What is open is ended as soon as its outcome is
    known, an authorisation as soon as the processor has voided it.
    """
    match payment.state:
        case State.NONE:
            return _ended(payment, State.VOIDED, reason, now)
        case State.CHARGED:
            return Decision(payment, refusal=OrderNotCancellable(payment))
        case State.CHARGING | State.AUTHORIZING | State.AUTHORIZED | State.CAPTURING:
            if not payment.cancel_requested:
                asked = replace(payment, cancel_requested=True, cancel_reason=reason, update_time=now)
                return Decision(asked)
    return Decision(payment)


def processor_answered(payment: Payment, answer: Answer, now: datetime) -> Decision:
    """Take down what became of an open payment; a late or repeated answer changes nothing."""
    late = answer.outcome in _EXPECTED.get(payment.state, ())
    if payment.authorize_first and answer.outcome is Outcome.AUTHORIZED:
        late = payment.state in _AFTER_AUTHORIZATION
    decision = Decision(payment) if late else _news(payment, answer, now)
    if decision is None:
        said = f"{answer.outcome} said of a payment that is {payment.state}"
        return Decision(payment, refusal=ProcessorContradicts(said), alarm=True)
    return decision


def _news(payment: Payment, answer: Answer, now: datetime) -> Decision | None:
    """What an answer makes of the payment; None if it cannot follow."""
    order_id, decision = payment.order_id, None
    match payment.state, answer.outcome:
        case State.AUTHORIZING, Outcome.AUTHORIZED:
            authorized = replace(payment, state=State.AUTHORIZED, update_time=now)
            decision = Decision(authorized, (PaymentAuthorized(order_id),))
        case ((State.CHARGING | State.CAPTURING), Outcome.APPROVED) if not payment.cancel_requested:
            charged = replace(payment, state=State.CHARGED, update_time=now)
            captured = (PaymentCaptured(order_id),) if payment.authorize_first else ()
            decision = Decision(charged, (*captured, PaymentProcessed(order_id)))
        case ((State.CHARGING | State.AUTHORIZING), Outcome.DECLINED):
            declined = replace(payment, decline_code=answer.decline_code)
            decision = _ended(declined, State.DECLINED, PaymentDeclined.reason, now)
        case ((State.CHARGING | State.AUTHORIZING), Outcome.VOIDED):
            decision = _voided(payment, now)
        case ((State.AUTHORIZED | State.CAPTURING), Outcome.VOIDED) if payment.is_open:
            decision = _voided(payment, now, PaymentVoided(order_id))
        case ((State.CHARGING | State.CAPTURING), (Outcome.APPROVED | Outcome.REFUNDED)):
            reason = payment.cancel_reason or "REFUNDED_BY_PROCESSOR"
            refunded = _ended(payment, State.REFUNDED, reason, now, PaymentRefunded(order_id))
            decision = replace(refunded, refund_first=answer.outcome is Outcome.APPROVED)
    return decision


def _voided(payment: Payment, now: datetime, *first: Fact) -> Decision:
    return _ended(payment, State.VOIDED, payment.cancel_reason or "VOIDED_BY_PROCESSOR", now, *first)


def _ended(payment: Payment, state: State, reason: str, now: datetime, *first: Fact) -> Decision:
    """The payment has failed, for ever."""
    ended = replace(payment, state=state, reason=reason, update_time=now)
    return Decision(ended, (*first, PaymentFailed(payment.order_id, reason)))
