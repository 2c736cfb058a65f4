"""Every way that a payment of the long flow can go: all states that its rules and the ledger's can reach.

Calls to the processor are begun, done there and taken down in three steps; two runs may be at it at once,
and any answer may be late or lost. In every state the money must be where the payment says, and no honest
answer of the processor may be an alarm.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.payments import domain
from services.payments.domain import Answer, Outcome, Payment, State, Terms
from services.payments.processor import domain as processor
from services.payments.processor.domain import Charge, MoneyCharged
from services.payments.processor.domain import State as Ledger

ORDER = UUID("00000000-0000-4000-8000-000000000001")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
RUNS = 2
TOO_LATE = {"CHARGE_APPROVED": Outcome.APPROVED, "CHARGE_REFUNDED": Outcome.REFUNDED}
STEPS = {State.CHARGING: "charge", State.AUTHORIZING: "authorize", State.CAPTURING: "capture"}


@dataclass(frozen=True)
class World:
    """One payment, its key in the ledger, the money that moved, and the calls on their way."""

    terms: Terms
    payment: Payment
    charge: Charge
    paid: int = 0
    calls: tuple[str | Answer, ...] = ()
    told: tuple[str, ...] = ()


def nexts(world: World) -> Iterator[World]:
    payment = world.payment
    for decision in (
        domain.charge(payment, world.terms, NOON),
        domain.authorize(payment, world.terms, NOON),
        domain.capture(payment, NOON),
        domain.cancel(payment, "TIMED_OUT", NOON),
    ):
        yield kept(world, decision)
    if payment.is_open and len(world.calls) < RUNS:
        yield begun(world)
    for place in range(len(world.calls)):
        yield on_the_way(world, without(world, place))  # a crash forgets it
        yield gone_on(world, place)


def begun(world: World) -> World:
    call = "void" if world.payment.cancel_requested else STEPS[world.payment.state]
    return on_the_way(world, (*world.calls, call))


def gone_on(world: World, place: int) -> World:
    """One call is done at the processor, or its answer is taken down."""
    rest, call_or_answer = without(world, place), world.calls[place]
    if isinstance(call_or_answer, Answer):
        return taken_down(world, rest, call_or_answer)
    return done(world, rest, call_or_answer)


def without(world: World, place: int) -> tuple[str | Answer, ...]:
    return world.calls[:place] + world.calls[place + 1 :]


def kept(world: World, decision: domain.Decision) -> World:
    assert not decision.alarm, (world, decision.refusal)
    told = (*world.told, *(type(fact).__name__ for fact in decision.facts))
    return replace(world, payment=decision.payment, told=told)


def done(world: World, rest: tuple[str | Answer, ...], call: str) -> World:
    """The processor has done as it was asked; its answer is on the way."""
    terms = world.terms
    match call:
        case "charge" | "authorize":
            rule = processor.charge if call == "charge" else processor.authorize
            decision = rule(world.charge, terms.amount_minor, terms.currency_code, terms.payment_token)
        case _:
            decision = {"capture": processor.capture, "void": processor.void, "refund": processor.refund}[
                call
            ](world.charge)
    outcome = TOO_LATE.get(getattr(decision.refusal, "reason", ""))
    assert decision.refusal is None or outcome is not None, (world, call, decision.refusal)
    moved = sum(
        fact.amount_minor if isinstance(fact, MoneyCharged) else -fact.amount_minor for fact in decision.facts
    )
    answer = Answer(outcome or Outcome(decision.charge.state), decision.charge.decline_code)
    after = replace(world, charge=decision.charge, paid=world.paid + moved)
    return on_the_way(after, (*rest, answer))


def taken_down(world: World, rest: tuple[str | Answer, ...], answer: Answer) -> World:
    decision = domain.processor_answered(world.payment, answer, NOON)
    if decision.refund_first:
        return on_the_way(world, (*rest, "refund"))
    return on_the_way(kept(world, decision), rest)


def on_the_way(world: World, calls: tuple[str | Answer, ...]) -> World:
    return replace(world, calls=tuple(sorted(calls, key=repr)))


def check(world: World) -> None:
    state, ledger = world.payment.state, world.charge.state
    assert world.paid == (world.terms.amount_minor if ledger is Ledger.APPROVED else 0)
    assert (state is State.CHARGED) <= (ledger is Ledger.APPROVED)
    assert (state in (State.DECLINED, State.VOIDED, State.REFUNDED)) <= (world.paid == 0)
    if state is State.VOIDED and world.payment.terms is not None:
        assert ledger is Ledger.VOIDED  # nothing stays set aside, and nothing can be
    assert (state is State.AUTHORIZED and not world.payment.cancel_requested) <= (ledger is Ledger.AUTHORIZED)
    ends = [name for name in world.told if name in ("PaymentProcessed", "PaymentFailed")]
    assert ends == {State.CHARGED: ["PaymentProcessed"]}.get(
        state, ["PaymentFailed"] if state in (State.DECLINED, State.VOIDED, State.REFUNDED) else []
    )
    freed = [name for name in world.told if name in ("PaymentCaptured", "PaymentVoided")]
    assert len(freed) <= world.told.count("PaymentAuthorized")


def reachable(token: str) -> set[World]:
    terms = Terms(ORDER, 1250, "EUR", token)
    waiting = [World(terms, Payment(ORDER), Charge(str(ORDER)))]
    seen = set(waiting)
    while waiting:
        world = waiting.pop()
        check(world)
        for after in nexts(world):
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return seen


def settled(world: World) -> World:
    """What becomes of it when nobody asks for anything more and nothing goes wrong any more."""
    for _ in range(20):
        if not world.calls and not world.payment.is_open:
            return world
        world = gone_on(world, 0) if world.calls else begun(world)
    raise AssertionError(f"it never ends: {world}")


@pytest.mark.parametrize(
    ("token", "ends"),
    [
        ("tok_approved", {State.CHARGED, State.VOIDED, State.REFUNDED}),
        ("tok_declined", {State.DECLINED, State.VOIDED}),
    ],
)
def test_every_way_ends_with_the_money_where_the_payment_says(token: str, ends: set[State]) -> None:
    seen = reachable(token)
    for world in seen:
        check(settled(world))
        assert not world.payment.cancel_requested or settled(world).payment.state in ends - {State.CHARGED}
    open_states = {State.NONE, State.CHARGING, State.AUTHORIZING, State.AUTHORIZED, State.CAPTURING}
    assert {world.payment.state for world in seen} - open_states == ends
    for late in (State.AUTHORIZED, State.CAPTURING):
        assert any(world.payment.state is late for world in seen) == (token == "tok_approved")
