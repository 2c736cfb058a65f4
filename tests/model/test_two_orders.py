"""Two choreographed orders that want the same product: every state within the budget, each checked.

Explored is the full product of both orders, without partial-order reduction: every interleaving of all
arrivals, of the three steps of a call to the card processor, and of a cancel and an expiry of each order at
any moment (once an order: a repeat is nothing new to the domains). At most 2 duplicates, 1 reorder and 1
crash happen over the run, both orders together. Which states count as equal is said in `exploration.py`.
Both orders are placed before anything else happens: until it is heard of, an order has no effect on another.

| pieces | cards | states | of them at rest |
| --- | --- | --- | --- |
| 1 | approved, declined | 189 898 | 723 |
| 1 | approved, approved | 101 649 | 360 |
| 2 | approved, declined | 245 230 | 595 |

Duplicates come under a fresh event id, so that they reach the tables. The same states are found with the
inbox. In none is there an alarm, with the reorder or without it. A real crash may repeat a whole batch, of
both orders; here it repeats one letter, as one that comes again changes nothing in any state of an order
(`test_one_order.py`).
"""

from functools import cache

import pytest

from services.inventory import domain as inventory
from services.orders import domain as orders
from services.orders.domain import State
from tests.model.choreography import Fault, Saga, placed
from tests.model.exploration import Budget, Exploration, Explored

GOOD, BAD = "tok_approved", "tok_declined"
BUDGET = Budget(duplicates=2, reorders=1, crashes=1)
WISHES = (orders.OrderCancellationRequested, inventory.StockReservationExpired)


@cache
def explored(pieces: int, cards: tuple[str, str]) -> Explored:
    return Exploration([placed(card) for card in cards], pieces, BUDGET, inbox=False).run()


def ends(found: Explored, *, undisturbed: bool = False) -> set[tuple[tuple[str, State], ...]]:
    """How both orders stand in the states at rest, with their cards; or only in those nobody gave up."""
    return {
        tuple(sorted((saga.token, saga.order.state) for saga in sagas))
        for sagas in found.at_rest
        if not (undisturbed and any(given_up(saga) for saga in sagas))
    }


def given_up(saga: Saga) -> bool:
    return any(isinstance(letter.fact, WISHES) for letter in saga.letters)


@pytest.mark.parametrize(
    ("pieces", "cards", "states"),
    [(1, (GOOD, BAD), 189_898), (1, (GOOD, GOOD), 101_649), (2, (GOOD, BAD), 245_230)],
)
def test_two_orders_keep_every_rule_in_every_state(pieces: int, cards: tuple[str, str], states: int) -> None:
    found = explored(pieces, cards)
    assert found.flaw is None
    assert found.states >= states
    assert len(found.at_rest) >= 360
    assert all(found.steps[fault] > 50 for fault in (None, *Fault))


def test_the_last_piece_goes_to_exactly_one_of_two_good_cards_if_nobody_gives_up() -> None:
    assert ends(explored(1, (GOOD, GOOD)), undisturbed=True) == {
        ((GOOD, State.CANCELLED), (GOOD, State.CONFIRMED))
    }


def test_the_last_piece_is_never_sold_twice_and_may_stay_unsold() -> None:
    assert ends(explored(1, (GOOD, GOOD))) == {
        ((GOOD, State.CANCELLED), (GOOD, State.CONFIRMED)),
        ((GOOD, State.CANCELLED), (GOOD, State.CANCELLED)),
    }


def test_with_enough_for_both_each_order_ends_as_its_own_card_says() -> None:
    assert ends(explored(2, (GOOD, BAD)), undisturbed=True) == {
        ((GOOD, State.CONFIRMED), (BAD, State.CANCELLED))
    }


def test_with_the_inbox_the_same_states_are_found() -> None:
    with_inbox = Exploration([placed(GOOD), placed(GOOD)], 1, BUDGET, inbox=True).run()
    assert with_inbox.flaw is None
    assert with_inbox.states == explored(1, (GOOD, GOOD)).states
