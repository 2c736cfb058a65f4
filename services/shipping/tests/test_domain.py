"""The rules of a shipment, cell by cell of docs/sagas.md, and that it ends once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.testing.tables import Cell, cells
from services.shipping import domain
from services.shipping.domain import Decision, Line, Parcel, Shipment, State

ORDER = UUID("00000000-0000-4000-8000-000000000001")
ADA, BOB = UUID("00000000-0000-4000-8000-00000000000a"), UUID("00000000-0000-4000-8000-00000000000b")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DELIVERY = timedelta(seconds=2)
PARCEL = Parcel(ADA, (Line("MUG-BLUE", 2), Line("TEA-GREEN", 498)))
OTHER = Parcel(ADA, (Line("MUG-BLUE", 1),))
TOO_MANY = Parcel(ADA, (Line("MUG-BLUE", 2), Line("TEA-GREEN", 499)))
FINAL = (State.DELIVERED, State.CANCELLED, State.REFUSED)

HEAR: dict[str, Callable[[Shipment], Decision]] = {
    "book": lambda shipment: domain.book(shipment, PARCEL, NOON),
    "book, too many": lambda shipment: domain.book(shipment, TOO_MANY, NOON),
    "book, other lines": lambda shipment: domain.book(shipment, OTHER, NOON),
    "dispatch": lambda shipment: domain.dispatch(shipment, NOON, DELIVERY),
    "cancel": lambda shipment: domain.cancel(shipment, "TIMED_OUT", NOON),
    "arrive": lambda shipment: domain.arrive(shipment, NOON + DELIVERY),
}


def shipment_in(state: State) -> Shipment:
    parcels = {State.NONE: None, State.CANCELLED: None, State.REFUSED: TOO_MANY}
    dispatched = state in (State.IN_TRANSIT, State.DELIVERED)
    return Shipment(
        ORDER,
        state,
        parcels.get(state, PARCEL),
        reason="TIMED_OUT" if state is State.CANCELLED else "",
        dispatch_time=NOON if dispatched else None,
        deliver_time=NOON + DELIVERY if dispatched else None,
    )


@pytest.mark.parametrize(("state", "message", "cell"), cells("Shipping"))
def test_every_state_answers_every_message_as_the_table_says(state: str, message: str, cell: Cell) -> None:
    before = shipment_in(State(state))
    decision = HEAR[message](before)
    assert decision.shipment.state == (cell.state or state)
    assert tuple(type(fact).__name__ for fact in decision.facts) == cell.facts
    assert getattr(decision.refusal, "reason", "") == cell.refusal
    assert not cell.alarm
    if cell.state is None:
        assert decision.shipment == before


def test_the_table_has_every_state_and_every_message() -> None:
    assert {state for state, _, _ in cells("Shipping")} == set(State)
    assert {message for _, message, _ in cells("Shipping")} == set(HEAR)


@given(st.lists(st.sampled_from(list(HEAR)), max_size=10))
def test_any_sequence_of_messages_ends_once_and_never_changes_its_end(messages: list[str]) -> None:
    shipment = Shipment(ORDER)
    told: list[str] = []
    for message in messages:
        before, decision = shipment, HEAR[message](shipment)
        shipment = decision.shipment
        told += [type(fact).__name__ for fact in decision.facts]
        assert before.state not in FINAL or shipment == before
    assert told.count("ShipmentBooked") <= 1
    ends = [name for name in told if name != "ShipmentBooked"]
    assert ends == {State.CANCELLED: ["ShipmentCancelled"], State.DELIVERED: ["ShipmentDelivered"]}.get(
        shipment.state, []
    )


def test_the_carrier_says_how_much_it_takes() -> None:
    refusal = HEAR["book, too many"](Shipment(ORDER)).refusal
    assert isinstance(refusal, domain.ShipmentRefused)
    assert refusal.details == {"pieces": "501", "max_pieces": "500"}


def test_the_same_lines_in_another_order_are_the_same_parcel_and_for_somebody_else_another() -> None:
    booked = shipment_in(State.BOOKED)
    assert domain.book(booked, Parcel(ADA, PARCEL.lines[::-1]), NOON).answer() == booked
    refusal = domain.book(booked, Parcel(BOB, PARCEL.lines), NOON).refusal
    assert getattr(refusal, "reason", "") == "REQUEST_ID_MISMATCH"


def test_a_booking_after_the_cancel_is_told_the_reason_of_the_cancel() -> None:
    refusal = HEAR["book"](HEAR["cancel"](Shipment(ORDER)).shipment).refusal
    assert isinstance(refusal, domain.CancelCameFirst)
    assert refusal.details == {"cancel_reason": "TIMED_OUT"}


def test_the_first_reason_of_a_cancel_stays() -> None:
    once = HEAR["cancel"](shipment_in(State.BOOKED)).shipment
    assert domain.cancel(once, "CANCELLED_BY_CUSTOMER", NOON).shipment == once


def test_what_is_not_due_has_not_arrived() -> None:
    early = NOON + DELIVERY - timedelta(milliseconds=1)
    assert domain.arrive(shipment_in(State.IN_TRANSIT), early).facts == ()


def test_a_repeated_dispatch_does_not_put_the_delivery_off() -> None:
    once = HEAR["dispatch"](shipment_in(State.BOOKED)).shipment
    again = domain.dispatch(once, NOON + DELIVERY, DELIVERY).shipment
    assert again.deliver_time == NOON + DELIVERY
