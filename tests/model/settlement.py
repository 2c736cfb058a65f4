"""An open charge and the card processor: what `services/payments/settlement.py` does, step by step.

A call is begun (a void if a cancel is remembered then), done at the processor, and its answer written
down; anything may happen in between. A crash forgets a call or its answer. It also lets a second run
begin while the first is only thought to be dead: its request or its answer is late, not lost. There are
at most two runs of a charge at once.
"""

from collections.abc import Iterator
from dataclasses import replace

from services.inventory.domain import Stock
from services.payments import domain as payments
from services.payments.domain import Answer, Outcome
from services.payments.processor import domain as processor
from tests.model.choreography import NOON, Call, Fault, Saga, Step, publish, terms_of

_TOO_LATE_TO_VOID = {"CHARGE_APPROVED": Outcome.APPROVED, "CHARGE_REFUNDED": Outcome.REFUNDED}


def settlement(saga: Saga, stock: Stock) -> Iterator[Step]:
    """Every step that can be taken for the charge of an order."""
    if saga.payment.state is payments.State.CHARGING and len(saga.calls) < 2:
        call = Call.VOID if saga.payment.cancel_requested else Call.CHARGE
        begun = _with_calls(saga, (*saga.calls, call))
        yield Step(f"payments asks: {call}", begun, stock, Fault.CRASH if saga.calls else None)
    for place, call_or_answer in enumerate(saga.calls):
        rest = saga.calls[:place] + saga.calls[place + 1 :]
        if isinstance(call_or_answer, Call):
            yield _done(saga, rest, call_or_answer, stock)
        else:
            yield _written(saga, rest, call_or_answer, stock)
        yield Step(f"payments forgets: {_name(call_or_answer)}", _with_calls(saga, rest), stock, Fault.CRASH)


def _done(saga: Saga, rest: tuple[Call | Answer, ...], call: Call, stock: Stock) -> Step:
    """The processor has done as it was asked; its answer is on the way. A refusal nobody expects alarms."""
    decision = _asked(saga, call)
    outcome = _TOO_LATE_TO_VOID.get(getattr(decision.refusal, "reason", ""))
    said = f"the processor answers: {call}"
    if decision.refusal is not None and outcome is None:
        return Step(said, _with_calls(saga, rest), stock, alarm=True)
    answer = Answer(outcome or Outcome(decision.charge.state), decision.charge.decline_code)
    paid = saga.paid
    for fact in decision.facts:
        paid += fact.amount_minor if isinstance(fact, processor.MoneyCharged) else -fact.amount_minor
    after = replace(saga, charge=decision.charge, paid=paid)
    return Step(f"{said} {answer.outcome}", _with_calls(after, (*rest, answer)), stock)


def _asked(saga: Saga, call: Call) -> processor.Decision:
    match call:
        case Call.CHARGE:
            terms = terms_of(saga)
            return processor.charge(saga.charge, terms.amount_minor, terms.currency_code, terms.payment_token)
        case Call.VOID:
            return processor.void(saga.charge)
        case Call.REFUND:
            return processor.refund(saga.charge)


def _written(saga: Saga, rest: tuple[Call | Answer, ...], answer: Answer, stock: Stock) -> Step:
    """The answer is taken down, or sent back for the refund that must come first."""
    decision = payments.processor_answered(saga.payment, answer, NOON)
    said = f"payments takes down: {answer.outcome}"
    if decision.alarm:
        return Step(said, _with_calls(saga, rest), stock, alarm=True)
    if decision.refund_first:
        return Step(f"{said}, refund first", _with_calls(saga, (*rest, Call.REFUND)), stock)
    after = publish(replace(saga, payment=decision.payment), decision.facts)
    return Step(said, _with_calls(after, rest), stock)


def _with_calls(saga: Saga, calls: tuple[Call | Answer, ...]) -> Saga:
    """Sorted: of two runs it does not matter which is which."""
    return replace(saga, calls=tuple(sorted(calls, key=_name)))


def _name(call: Call | Answer) -> str:
    return str(call) if isinstance(call, Call) else f"{call.outcome} {call.decline_code}"
