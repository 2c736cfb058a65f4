"""The rules of the ledger, cell by cell of docs/sagas.md, and the test cards."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.testing.tables import Cell, cells
from services.payments.processor import domain
from services.payments.processor.domain import Charge, Decision, Fault, MoneyCharged, MoneyRefunded, State

Rule = Callable[[Charge, int, str, str], Decision]
HEAR: dict[str, Callable[[Charge], Decision]] = {
    "charge, good card": lambda charge: domain.charge(charge, 1250, "EUR", "tok_approved"),
    "charge, bad card": lambda charge: domain.charge(charge, 1250, "EUR", "tok_declined"),
    "authorise, good card": lambda charge: domain.authorize(charge, 1250, "EUR", "tok_approved"),
    "authorise, bad card": lambda charge: domain.authorize(charge, 1250, "EUR", "tok_declined"),
    "capture": domain.capture,
    "void": domain.void,
    "refund": domain.refund,
}
MESSAGES = list(HEAR)


def charge_in(state: State) -> Charge:
    known = state not in (State.NONE, State.VOIDED)
    return Charge("key", state, 1250 if known else None, "EUR" if known else None)


@pytest.mark.parametrize(("state", "message", "cell"), cells("Card processor"))
def test_every_state_answers_every_message_as_the_table_says(state: str, message: str, cell: Cell) -> None:
    decision = HEAR[message](charge_in(State(state)))
    assert decision.charge.state == (cell.state or state)
    assert tuple(type(fact).__name__ for fact in decision.facts) == cell.facts
    assert getattr(decision.refusal, "reason", "") == cell.refusal
    assert not cell.alarm


def test_the_table_has_every_state_and_every_message() -> None:
    assert {state for state, _, _ in cells("Card processor")} == set(State)
    assert {message for _, message, _ in cells("Card processor")} == set(MESSAGES)


@given(st.lists(st.sampled_from(MESSAGES), max_size=8))
def test_any_sequence_of_messages_moves_the_money_once_and_back_at_most_once(messages: list[str]) -> None:
    charge = Charge("key")
    charged = refunded = 0
    for message in messages:
        decision = HEAR[message](charge)
        charge = decision.charge
        charged += sum(fact.amount_minor for fact in decision.facts if isinstance(fact, MoneyCharged))
        refunded += sum(fact.amount_minor for fact in decision.facts if isinstance(fact, MoneyRefunded))
    assert charged == (1250 if charge.state in (State.APPROVED, State.REFUNDED) else 0)
    assert refunded == (1250 if charge.state is State.REFUNDED else 0)


@pytest.mark.parametrize("state", [State.AUTHORIZED, State.APPROVED, State.DECLINED, State.REFUNDED])
@pytest.mark.parametrize("rule", [domain.charge, domain.authorize])
def test_a_key_is_for_one_amount(state: State, rule: Rule) -> None:
    other = rule(charge_in(state), 1251, "EUR", "tok_approved")
    assert getattr(other.refusal, "reason", "") == "KEY_REUSED"
    assert other.facts == ()


def test_a_dead_key_says_so_whatever_is_asked_of_it() -> None:
    assert domain.charge(charge_in(State.VOIDED), 99, "USD", "tok_approved").answer().state is State.VOIDED


@pytest.mark.parametrize(
    ("amount", "currency"), [(0, "EUR"), (-1, "EUR"), (10**16, "EUR"), (100, "eur"), (100, "E\0R"), (100, "")]
)
def test_what_is_no_amount_is_refused(amount: int, currency: str) -> None:
    refusal = domain.charge(Charge("key"), amount, currency, "tok_approved").refusal
    assert getattr(refusal, "reason", "") == "MONEY_INVALID"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_declined", "card_declined"),
        ("tok_insufficient_funds", "insufficient_funds"),
        ("tok_expired", "expired_card"),
        ("tok_nobody_knows", "unknown_token"),
    ],
)
def test_a_bad_card_says_why(token: str, code: str) -> None:
    decision = domain.charge(Charge("key"), 1250, "EUR", token)
    assert (decision.charge.state, decision.charge.decline_code) == (State.DECLINED, code)


GOOD = ["tok_approved", "tok_slow", "tok_reply_lost", "tok_fails_twice"]
AT_CAPTURE = ["tok_capture_slow", "tok_capture_reply_lost", "tok_capture_fails_twice"]


@pytest.mark.parametrize("token", [*GOOD, *AT_CAPTURE])
def test_a_good_card_is_approved_in_the_end(token: str) -> None:
    assert domain.charge(Charge("key"), 1250, "EUR", token).charge.state is State.APPROVED
    assert domain.authorize(Charge("key"), 1250, "EUR", token).charge.state is State.AUTHORIZED


def test_a_card_that_misbehaves_at_the_capture_behaves_before() -> None:
    for token in AT_CAPTURE:
        assert domain.fault(token, 1) is None
    assert domain.capture_fault("tok_capture_slow", 1) == Fault(seconds=2.0)
    assert domain.capture_fault("tok_capture_reply_lost", 1) == Fault(reply_lost=True)
    assert [domain.capture_fault("tok_capture_fails_twice", attempt) for attempt in (2, 3)] == [
        Fault(no_effect=True),
        None,
    ]
    assert {domain.capture_fault(token, 1) for token in GOOD} == {None}


def test_the_token_of_an_authorisation_does_not_show() -> None:
    assert "tok_" not in repr(domain.authorize(Charge("key"), 1250, "EUR", "tok_approved").charge)


def test_how_the_cards_misbehave_depends_on_the_token_and_the_try_only() -> None:
    assert [domain.fault("tok_approved", attempt) for attempt in (1, 2)] == [None, None]
    assert [domain.fault("tok_slow", attempt) for attempt in (1, 2)] == [Fault(seconds=2.0)] * 2
    assert [domain.fault("tok_reply_lost", attempt) for attempt in (1, 2)] == [Fault(reply_lost=True), None]
    lost = Fault(no_effect=True)
    assert [domain.fault("tok_fails_twice", attempt) for attempt in (1, 2, 3)] == [lost, lost, None]
