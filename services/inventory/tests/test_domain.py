"""The rules of stock, cell by cell of docs/sagas.md, and that stock always adds up."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.testing.tables import Cell, cells
from services.inventory import domain
from services.inventory.domain import Decision, Line, Reservation, Short, State, Stock

ORDER = UUID("00000000-0000-4000-8000-000000000001")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOLD = timedelta(minutes=2)
LINES = (Line("MUG-BLUE", 2), Line("TEA-GREEN", 1))
ENOUGH = {"MUG-BLUE": Stock("MUG-BLUE", 2), "TEA-GREEN": Stock("TEA-GREEN", 5)}
SHORT = {"MUG-BLUE": Stock("MUG-BLUE", 1), "TEA-GREEN": Stock("TEA-GREEN", 5)}


def reservation_in(state: State) -> Reservation:
    known = state in (State.RESERVED, State.FAILED, State.COMMITTED)
    return Reservation(
        ORDER,
        state,
        lines=LINES if known else (),
        expire_time=NOON if state is State.RESERVED else None,
        short=(Short("MUG-BLUE", 2, 1),) if state is State.FAILED else (),
    )


def hear(message: str, reservation: Reservation) -> Decision:
    match message:
        case "reserve, enough":
            return domain.reserve(reservation, LINES, ENOUGH, NOON, HOLD)
        case "reserve, short":
            return domain.reserve(reservation, LINES, SHORT, NOON, HOLD)
        case "release":
            return domain.release(reservation, "PAYMENT_DECLINED")
        case "commit":
            return domain.commit(reservation)
        case "expire":
            return domain.expire(reservation, NOON)
    raise AssertionError(f"the table has a message that this test does not know: {message}")


@pytest.mark.parametrize(("state", "message", "cell"), cells("Inventory"))
def test_every_state_answers_every_message_as_the_table_says(state: str, message: str, cell: Cell) -> None:
    before = reservation_in(State(state))
    decision = hear(message, before)
    assert decision.reservation.state == (cell.state or state)
    assert tuple(type(fact).__name__ for fact in decision.facts) == cell.facts
    assert getattr(decision.refusal, "reason", "") == cell.refusal
    assert decision.alarm == cell.alarm


def test_the_table_has_every_state() -> None:
    assert {state for state, _, _ in cells("Inventory")} == set(State)


def test_an_overdue_hold_is_told_once_and_stays_held() -> None:
    told = domain.expire(reservation_in(State.RESERVED), NOON).reservation
    again = domain.expire(told, NOON + HOLD)
    assert again.facts == ()
    assert again.reservation.state is State.RESERVED
    assert hear("release", told).moves == hear("release", reservation_in(State.RESERVED)).moves


def test_a_hold_that_is_not_due_is_not_overdue() -> None:
    assert domain.expire(reservation_in(State.RESERVED), NOON - timedelta(seconds=1)).facts == ()


def test_the_same_order_with_other_lines_is_refused() -> None:
    held = reservation_in(State.RESERVED)
    other = domain.reserve(held, (Line("MUG-BLUE", 1),), ENOUGH, NOON, HOLD)
    assert getattr(other.refusal, "reason", "") == "REQUEST_ID_MISMATCH"
    assert other.moves == ()


def test_lines_in_another_sequence_are_the_same_lines() -> None:
    held = reservation_in(State.RESERVED)
    assert domain.reserve(held, LINES[::-1], ENOUGH, NOON, HOLD).refusal is None


def test_a_product_without_stock_record_is_out_of_stock() -> None:
    decision = domain.reserve(Reservation(ORDER), (Line("NO-SUCH", 1),), {}, NOON, HOLD)
    assert isinstance(decision.refusal, domain.OutOfStock)
    assert decision.refusal.details == {"skus": "NO-SUCH", "wanted": "1", "left": "0"}


@given(
    st.lists(
        st.sampled_from(["reserve, enough", "reserve, short", "release", "commit", "expire"]), max_size=8
    )
)
def test_any_sequence_of_messages_keeps_the_stock_adding_up(messages: list[str]) -> None:
    reservation = Reservation(ORDER)
    totals = {"on_hand": 0, "reserved": 0, "sold": 0}
    for message in messages:
        decision = hear(message, reservation)
        reservation = decision.reservation
        for move in decision.moves:
            assert move.on_hand + move.reserved + move.sold == 0
            totals["on_hand"] += move.on_hand
            totals["reserved"] += move.reserved
            totals["sold"] += move.sold
    quantity = sum(line.quantity for line in LINES)
    assert totals["reserved"] == (quantity if reservation.state is State.RESERVED else 0)
    assert totals["sold"] == (quantity if reservation.state is State.COMMITTED else 0)
