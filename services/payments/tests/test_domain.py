"""The rules of a payment, cell by cell of docs/sagas.md, and that it ends once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.testing.tables import Cell, cells
from services.payments import domain
from services.payments.domain import Answer, Decision, Outcome, Payment, PaymentFailed, State, Terms

ORDER = UUID("00000000-0000-4000-8000-000000000001")
ADA = UUID("00000000-0000-4000-8000-00000000000a")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TERMS = Terms(ADA, 1250, "EUR", "tok_approved")
REMEMBERED = "CHARGING, cancel remembered"
OUTCOMES = {"authorised": Outcome.AUTHORIZED} | {
    str(outcome).lower(): outcome for outcome in Outcome if outcome is not Outcome.AUTHORIZED
}
ORDER_KNOWN, STOCK_RESERVED = "NONE, order known", "NONE, stock reserved"
LATER = "authorised first"
LONG = "Payments of the long flow"
PASSING = (State.AUTHORIZING, State.AUTHORIZED, State.CAPTURING)
CELLS = [*cells("Payments"), *cells(LONG)]


def name_of(payment: Payment) -> str:
    state = payment.state
    assert payment.authorize_first or state not in PASSING
    if payment.cancel_requested and state in (State.CHARGING, *PASSING):
        return f"{state}, cancel remembered"
    if payment.authorize_first and state not in PASSING:
        return f"{state}, {LATER}"
    if state is State.NONE and payment.terms is not None:
        return ORDER_KNOWN
    return STOCK_RESERVED if state is State.NONE and payment.stock_reserved else str(state)


def payment_in(name: str) -> Payment:
    first, _, more = name.partition(", ")
    state = State(first)
    later = state in PASSING or more == LATER
    unknown = state in (State.NONE, State.VOIDED) and name != ORDER_KNOWN and not later
    terms = None if unknown else TERMS
    payment = Payment(ORDER, state, terms, stock_reserved=name == STOCK_RESERVED, authorize_first=later)
    if more == "cancel remembered":
        return replace(payment, cancel_requested=True, cancel_reason="CANCELLED_BY_CUSTOMER")
    return payment


HEAR: dict[str, Callable[[Payment], Decision]] = {
    "charge": lambda payment: domain.charge(payment, TERMS, NOON),
    "authorise": lambda payment: domain.authorize(payment, TERMS, NOON),
    "capture": lambda payment: domain.capture(payment, NOON),
    "cancel": lambda payment: domain.cancel(payment, "CANCELLED_BY_CUSTOMER", NOON),
    "OrderPlaced": lambda payment: domain.order_placed(payment, TERMS, NOON),
    "StockReserved": lambda payment: domain.stock_reserved(payment, NOON),
}


def hear(message: str, payment: Payment) -> Decision:
    if message in OUTCOMES:
        return domain.processor_answered(payment, Answer(OUTCOMES[message]), NOON)
    return HEAR[message](payment)


@pytest.mark.parametrize(("state", "message", "cell"), CELLS)
def test_every_state_answers_every_message_as_the_table_says(state: str, message: str, cell: Cell) -> None:
    decision = hear(message, payment_in(state))
    assert name_of(decision.payment) == (cell.state or state)
    assert tuple(type(fact).__name__ for fact in decision.facts) == cell.facts
    assert getattr(decision.refusal, "reason", "") == cell.refusal
    assert decision.alarm == cell.alarm


def test_the_table_has_every_state() -> None:
    at_once = {state for state, _, _ in cells("Payments")}
    assert at_once == {*State, REMEMBERED, ORDER_KNOWN, STOCK_RESERVED} - set(PASSING)
    remembered = {f"{state}, cancel remembered" for state in PASSING}
    ends = {f"{state}, {LATER}" for state in State if state not in (*PASSING, State.NONE, State.CHARGING)}
    assert {state for state, _, _ in cells(LONG)} == {*PASSING, *remembered, *ends}


@pytest.mark.parametrize("table", ["Payments", LONG])
def test_the_table_has_every_message(table: str) -> None:
    assert {message for _, message, _ in cells(table)} == {*HEAR, *OUTCOMES}


def test_only_an_approval_that_meets_a_remembered_cancel_is_paid_back_first() -> None:
    asked = {(state, message) for state, message, _ in CELLS if hear(message, payment_in(state)).refund_first}
    assert asked == {(REMEMBERED, "approved"), ("CAPTURING, cancel remembered", "approved")}


def test_what_is_open_is_what_the_processor_is_to_be_asked_about() -> None:
    passing = {state for state, _, _ in CELLS if payment_in(state).is_open}
    remembered = {f"{state}, cancel remembered" for state in ("CHARGING", *PASSING)}
    assert passing == {"CHARGING", "AUTHORIZING", "CAPTURING", *remembered}


def test_a_failed_payment_says_why() -> None:
    tombstone = hear("cancel", payment_in("NONE"))
    assert tombstone.facts == (PaymentFailed(ORDER, "CANCELLED_BY_CUSTOMER"),)
    refunded = hear("refunded", payment_in(REMEMBERED))
    assert refunded.facts[-1] == PaymentFailed(ORDER, "CANCELLED_BY_CUSTOMER")
    declined = domain.processor_answered(
        payment_in("CHARGING"), Answer(Outcome.DECLINED, "expired_card"), NOON
    )
    assert declined.facts == (PaymentFailed(ORDER, "PAYMENT_DECLINED"),)
    refusal = domain.charge(declined.payment, TERMS, NOON).refusal
    assert isinstance(refusal, domain.PaymentDeclined)
    assert refusal.details == {"decline_code": "expired_card", "reason": "PAYMENT_DECLINED"}


def test_a_charge_after_the_cancel_is_told_the_reason_of_the_cancel() -> None:
    refusal = domain.charge(hear("cancel", payment_in("NONE")).payment, TERMS, NOON).refusal
    assert isinstance(refusal, domain.PaymentCancelled)
    assert refusal.details == {"cancel_reason": "CANCELLED_BY_CUSTOMER"}


def test_the_first_reason_of_a_cancel_stays() -> None:
    once = hear("cancel", payment_in("CHARGING")).payment
    again = domain.cancel(once, "TIMED_OUT", NOON).payment
    assert again.cancel_reason == "CANCELLED_BY_CUSTOMER"


@pytest.mark.parametrize("rule", [domain.charge, domain.authorize])
@pytest.mark.parametrize("state", ["CHARGING", REMEMBERED, "CHARGED", "DECLINED", "REFUNDED", "AUTHORIZED"])
@pytest.mark.parametrize(
    "other",
    [
        replace(TERMS, amount_minor=1),
        replace(TERMS, currency_code="USD"),
        replace(TERMS, payment_token="tok_slow"),
        replace(TERMS, customer_id=ORDER),
    ],
)
def test_the_same_order_on_other_terms_is_refused(
    state: str, other: Terms, rule: Callable[[Payment, Terms, datetime], Decision]
) -> None:
    decision = rule(payment_in(state), other, NOON)
    assert getattr(decision.refusal, "reason", "") == "REQUEST_ID_MISMATCH"
    assert decision.payment == payment_in(state)


def test_a_capture_after_the_cancel_is_told_the_reason_of_the_cancel() -> None:
    for state in ("AUTHORIZING", "AUTHORIZED"):
        cancelled = hear("cancel", payment_in(state)).payment
        refusal = domain.capture(cancelled, NOON).refusal
        assert isinstance(refusal, domain.PaymentCancelled)
        assert refusal.details == {"cancel_reason": "CANCELLED_BY_CUSTOMER"}


def test_the_other_kind_of_payment_is_refused_with_the_state() -> None:
    refusal = hear("charge", payment_in("AUTHORIZED")).refusal
    assert isinstance(refusal, domain.PaymentKindMismatch)
    assert refusal.details == {"state": "AUTHORIZED"}
    assert "authorised first" in str(refusal)
    assert "charged at once" in str(hear("authorise", payment_in("CHARGED")).refusal)


def test_the_token_does_not_show_when_terms_are_printed() -> None:
    assert "tok_" not in repr(payment_in("CHARGED"))


@given(st.lists(st.sampled_from(["charge", "authorise", "capture", "cancel", *OUTCOMES]), max_size=12))
def test_any_sequence_of_messages_ends_once_and_never_changes_its_end(messages: list[str]) -> None:
    payment = Payment(ORDER)
    told: list[str] = []
    for message in messages:
        before = payment
        decision = hear(message, payment)
        payment = decision.payment
        if before.state not in (State.NONE, State.CHARGING, *PASSING):
            assert payment == before
        told += [type(fact).__name__ for fact in decision.facts]
    ends = [name for name in told if name in ("PaymentProcessed", "PaymentFailed")]
    final = payment.state not in (State.NONE, State.CHARGING, *PASSING)
    assert len(ends) == int(final)
    set_aside = {"PaymentCaptured", "PaymentVoided"} & set(told)
    assert set_aside == set() or told[0] == "PaymentAuthorized"
    assert (payment.state is State.CHARGED) == (ends == ["PaymentProcessed"])
    if payment.cancel_requested:
        assert payment.state is not State.CHARGED
