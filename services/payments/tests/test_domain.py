"""The rules of a payment, cell by cell of docs/sagas.md, and that it ends once."""

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
ANSWERS = ["approved", "declined", "voided", "refunded"]


ORDER_KNOWN, STOCK_RESERVED = "NONE, order known", "NONE, stock reserved"


def name_of(payment: Payment) -> str:
    if payment.state is State.CHARGING and payment.cancel_requested:
        return REMEMBERED
    if payment.state is State.NONE and payment.terms is not None:
        return ORDER_KNOWN
    return STOCK_RESERVED if payment.state is State.NONE and payment.stock_reserved else str(payment.state)


def payment_in(name: str) -> Payment:
    state = State(name.partition(",")[0])
    unknown = state in (State.NONE, State.VOIDED) and name != ORDER_KNOWN
    payment = Payment(ORDER, state, None if unknown else TERMS, stock_reserved=name == STOCK_RESERVED)
    if name == REMEMBERED:
        return replace(payment, cancel_requested=True, cancel_reason="CANCELLED_BY_CUSTOMER")
    return payment


def hear(message: str, payment: Payment) -> Decision:
    match message:
        case "charge":
            return domain.charge(payment, TERMS, NOON)
        case "OrderPlaced":
            return domain.order_placed(payment, TERMS, NOON)
        case "StockReserved":
            return domain.stock_reserved(payment, NOON)
        case "cancel":
            return domain.cancel(payment, "CANCELLED_BY_CUSTOMER", NOON)
        case "approved" | "declined" | "voided" | "refunded":
            return domain.processor_answered(payment, Answer(Outcome(message.upper())), NOON)
    raise AssertionError(f"the table has a message that this test does not know: {message}")


@pytest.mark.parametrize(("state", "message", "cell"), cells("Payments"))
def test_every_state_answers_every_message_as_the_table_says(state: str, message: str, cell: Cell) -> None:
    decision = hear(message, payment_in(state))
    assert name_of(decision.payment) == (cell.state or state)
    assert tuple(type(fact).__name__ for fact in decision.facts) == cell.facts
    assert getattr(decision.refusal, "reason", "") == cell.refusal
    assert decision.alarm == cell.alarm


def test_the_table_has_every_state() -> None:
    assert {state for state, _, _ in cells("Payments")} == {*State, REMEMBERED, ORDER_KNOWN, STOCK_RESERVED}


def test_only_an_approval_that_meets_a_remembered_cancel_is_paid_back_first() -> None:
    asked = {
        (state, message)
        for state, message, _ in cells("Payments")
        if hear(message, payment_in(state)).refund_first
    }
    assert asked == {(REMEMBERED, "approved")}


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


@pytest.mark.parametrize("state", ["CHARGING", REMEMBERED, "CHARGED", "DECLINED", "REFUNDED"])
@pytest.mark.parametrize(
    "other",
    [
        replace(TERMS, amount_minor=1),
        replace(TERMS, currency_code="USD"),
        replace(TERMS, payment_token="tok_slow"),
        replace(TERMS, customer_id=ORDER),
    ],
)
def test_the_same_order_on_other_terms_is_refused(state: str, other: Terms) -> None:
    decision = domain.charge(payment_in(state), other, NOON)
    assert getattr(decision.refusal, "reason", "") == "REQUEST_ID_MISMATCH"
    assert decision.payment == payment_in(state)


def test_the_token_does_not_show_when_terms_are_printed() -> None:
    assert "tok_" not in repr(payment_in("CHARGED"))


@given(st.lists(st.sampled_from(["charge", "cancel", *ANSWERS]), max_size=10))
def test_any_sequence_of_messages_ends_once_and_never_changes_its_end(messages: list[str]) -> None:
    payment = Payment(ORDER)
    ends: list[str] = []
    for message in messages:
        before = payment
        decision = hear(message, payment)
        payment = decision.payment
        if before.state not in (State.NONE, State.CHARGING):
            assert payment == before
        ends += [type(f).__name__ for f in decision.facts if type(f).__name__ != "PaymentRefunded"]
    final = payment.state not in (State.NONE, State.CHARGING)
    assert len(ends) == int(final)
    assert (payment.state is State.CHARGED) == (ends == ["PaymentProcessed"])
    if payment.cancel_requested:
        assert payment.state is not State.CHARGED
