"""The rules of a message, cell by cell of docs/sagas.md, and how long a failure waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kit.testing.tables import Cell, cells
from services.notifications import domain
from services.notifications.domain import Decision, Notification, State, Terms

ORDER = UUID("00000000-0000-4000-8000-000000000001")
ADA = UUID("00000000-0000-4000-8000-00000000000a")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TERMS = Terms(ADA, 1250, "EUR")


def notification_in(state: State) -> Notification:
    return Notification(ORDER, ORDER, state=state, terms=None if state is State.NONE else TERMS)


def hear(message: str, notification: Notification) -> Decision:
    match message:
        case "send":
            return domain.send(notification, TERMS, NOON)
        case "delivered":
            return domain.delivered(notification, NOON)
        case "failed":
            return domain.failed(notification, NOON)
    raise AssertionError(f"the table has a message that this test does not know: {message}")


@pytest.mark.parametrize(("state", "message", "cell"), cells("Notifications"))
def test_every_state_answers_every_message_as_the_table_says(state: str, message: str, cell: Cell) -> None:
    before = notification_in(State(state))
    decision = hear(message, before)
    assert decision.notification.state == (cell.state or state)
    assert tuple(type(fact).__name__ for fact in decision.facts) == cell.facts
    assert getattr(decision.refusal, "reason", "") == cell.refusal
    assert decision.alarm == cell.alarm
    assert (decision.notification == before) == (cell == Cell())


def test_the_table_has_every_state() -> None:
    assert {state for state, _, _ in cells("Notifications")} == set(State)


def test_every_try_is_counted_and_a_failure_waits_longer_each_time() -> None:
    notification = hear("send", notification_in(State.NONE)).notification
    pauses = []
    for _ in range(9):
        notification = hear("failed", notification).notification
        assert notification.next_attempt_time is not None
        pauses.append((notification.next_attempt_time - NOON) / timedelta(seconds=1))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    sent = hear("delivered", notification).notification
    assert (sent.attempts, sent.send_time, sent.next_attempt_time) == (10, NOON, None)


@pytest.mark.parametrize("state", [State.PENDING, State.SENT])
@pytest.mark.parametrize(
    "other",
    [
        replace(TERMS, customer_id=ORDER),
        replace(TERMS, total_minor=1),
        replace(TERMS, currency_code="USD"),
    ],
)
def test_the_same_order_with_another_content_is_refused(state: State, other: Terms) -> None:
    decision = domain.send(notification_in(state), other, NOON)
    assert getattr(decision.refusal, "reason", "") == "REQUEST_ID_MISMATCH"
    assert decision.notification == notification_in(state)


@pytest.mark.parametrize(
    ("minor", "currency"), [(0, "EUR"), (-5, "EUR"), (10**16, "EUR"), (5, ""), (5, "E\0R")]
)
def test_a_total_that_no_order_has_is_refused(minor: int, currency: str) -> None:
    refusal = domain.send(notification_in(State.NONE), Terms(ADA, minor, currency), NOON).refusal
    assert getattr(refusal, "reason", "") == "MONEY_INVALID"
