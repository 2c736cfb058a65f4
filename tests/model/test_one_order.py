"""One choreographed order: whatever happens to its messages, it ends in one of the allowed ends.

- Arrangements: up to five out of nine messages in every sequence, each held back until its turn; one of the
  nine is a duplicate that gets past the inbox, one the customer's cancel, one the expiry of the hold.
- Everything: all states of one order, with any number of duplicates, reorders and crashes. A letter that
  comes again changes nothing in any of them, and none has an alarm, in order or not.
"""

from collections.abc import Sequence
from functools import cache
from itertools import permutations

import pytest

from services.inventory.domain import Stock
from tests.model.choreography import CANCEL, EXPIRY, SKU, Fault, Saga, arrivals, placed
from tests.model.exploration import Budget, Exploration, Explored
from tests.model.lookup import Book, Move

GOOD, BAD = "tok_approved", "tok_declined"
End = tuple[str, str, str, str, int]
"""Order, reason, payment, reservation, money moved."""

PAID: End = ("CONFIRMED", "", "CHARGED", "COMMITTED", 1250)
DECLINED: End = ("CANCELLED", "PAYMENT_DECLINED", "DECLINED", "RELEASED", 0)
SHORT: End = ("CANCELLED", "OUT_OF_STOCK", "NONE", "FAILED", 0)
SHORT_AND_GIVEN_UP: End = ("CANCELLED", "OUT_OF_STOCK", "VOIDED", "FAILED", 0)
GIVEN_UP: End = ("CANCELLED", "CANCELLED_BY_CUSTOMER", "VOIDED", "RELEASED", 0)
PAID_BACK: End = ("CANCELLED", "CANCELLED_BY_CUSTOMER", "REFUNDED", "RELEASED", 0)
OVERDUE: End = ("CANCELLED", "RESERVATION_EXPIRED", "VOIDED", "RELEASED", 0)
OVERDUE_PAID_BACK: End = ("CANCELLED", "RESERVATION_EXPIRED", "REFUNDED", "RELEASED", 0)

CIRCUMSTANCES = [(GOOD, 1), (BAD, 1), (GOOD, 0), (BAD, 0)]
UNDISTURBED = {(GOOD, 1): PAID, (BAD, 1): DECLINED, (GOOD, 0): SHORT, (BAD, 0): SHORT}
IF_CANCELLED = {
    (GOOD, 1): {GIVEN_UP, PAID_BACK},
    (BAD, 1): {GIVEN_UP},
    (GOOD, 0): {GIVEN_UP, SHORT_AND_GIVEN_UP},
    (BAD, 0): {GIVEN_UP, SHORT_AND_GIVEN_UP},
}
IF_OVERDUE = {(GOOD, 1): {OVERDUE, OVERDUE_PAID_BACK}, (BAD, 1): {OVERDUE}, (GOOD, 0): set(), (BAD, 0): set()}

MESSAGES = (
    "inventory hears OrderPlaced",
    "payments hears OrderPlaced",
    "payments hears StockReserved",
    "payments hears StockReserved again",
    "the processor answers",
    "payments takes down",
    CANCEL,
    "payments hears OrderCancellationRequested",
    EXPIRY,
)

PLENTY = 4
"""Of every fault: more than it takes to reach all there is."""

BOOK = Book(inbox=False)


@cache
def explored(token: str, pieces: int) -> Explored:
    return Exploration([placed(token)], pieces, Budget(PLENTY, PLENTY, PLENTY), inbox=False).run()


def end_of(saga: Saga) -> End:
    order, payment, reservation = saga.order, saga.payment, saga.reservation
    return (str(order.state), order.reason, str(payment.state), str(reservation.state), saga.paid)


def allowed(token: str, pieces: int, wishes: Sequence[str]) -> set[End]:
    """The ends that are right for a card, so many pieces, and who gave up."""
    key = (token, pieces)
    ends = {UNDISTURBED[key]}
    if CANCEL in wishes:
        ends |= IF_CANCELLED[key]
    if EXPIRY in wishes:
        ends |= IF_OVERDUE[key]
    return ends


def next_of_itself(moves: Sequence[Move], held_back: Sequence[str] = ()) -> Move | None:
    """What happens if nobody wishes anything, nothing goes wrong, and some messages are held back."""
    for move in moves:
        if move.fault is None and move.name not in (CANCEL, EXPIRY, *held_back):
            return move
    return None


def arranged(messages: Sequence[str], saga: int, stock: int) -> int:
    """Feed messages in just this sequence, then deliver the rest. One that never comes up is passed over."""
    turn = 0
    while True:
        moves = BOOK.moves(saga, stock)
        due = messages[turn : turn + 1]
        move = next((move for move in moves if move.name in due), None)
        if move is not None:
            turn += 1
        else:
            move = next_of_itself(moves, messages[turn:])
        if move is None and due:
            turn += 1
        elif move is None:
            return saga
        else:
            assert not move.flaws, (move, messages)
            saga, stock = move.saga, move.stock


@pytest.mark.parametrize(("token", "pieces"), CIRCUMSTANCES)
def test_up_to_five_messages_in_any_sequence_end_as_allowed(token: str, pieces: int) -> None:
    start, stock = BOOK.saga(placed(token)), BOOK.stock(Stock(SKU, pieces))
    ends: set[End] = set()
    arrangements = 0
    for length in range(6):
        for messages in permutations(MESSAGES, length):
            end = end_of(BOOK.sagas[arranged(messages, start, stock)])
            assert end in allowed(token, pieces, messages), messages
            ends.add(end)
            arrangements += 1
    assert arrangements == 18_730
    assert ends == allowed(token, pieces, (CANCEL, EXPIRY)), "some allowed end was never reached"


@pytest.mark.parametrize(("token", "pieces"), CIRCUMSTANCES)
def test_faults_without_number_lead_to_no_other_end(token: str, pieces: int) -> None:
    found = explored(token, pieces)
    assert found.flaw is None
    assert found.most_faults < PLENTY, "no fault may run out: else there could be more to reach"
    assert found.states >= {(GOOD, 1): 769, (BAD, 1): 586}.get((token, pieces), 39)
    assert {end_of(order) for (order,) in found.at_rest} == allowed(token, pieces, (CANCEL, EXPIRY))


@pytest.mark.parametrize(("token", "pieces"), CIRCUMSTANCES)
def test_a_letter_that_arrives_again_changes_nothing_whatever_the_state(token: str, pieces: int) -> None:
    """The tables alone dedupe, without the inbox, and whatever stock is left."""
    again = 0
    for saga in explored(token, pieces).sagas:
        for stock in (Stock(SKU, 0), Stock(SKU, 5)):
            for step in arrivals(saga, stock, inbox=False):
                if step.fault is Fault.DUPLICATE:
                    assert (step.saga, step.stock, step.alarm) == (saga, stock, False), step.said
                    again += 1
    assert again >= 200
