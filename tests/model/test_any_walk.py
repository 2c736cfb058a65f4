"""Up to three choreographed orders, walked at random: more orders and faults than can be explored.

A walk takes any step at each turn, faults and wishes without number. Then it is left to itself.
"""

from collections.abc import Iterator, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain import Stock
from services.orders.domain import State
from tests.model.choreography import CANCEL, EXPIRY, SKU, Saga, placed
from tests.model.invariants import flaws_of_stock
from tests.model.lookup import Book, Move

TOKENS = ("tok_approved", "tok_declined")
BOOK = Book(inbox=False)


class Walk:
    """Some orders and one stock, by their numbers in the book, checked at every step."""

    def __init__(self, orders: Sequence[Saga], pieces: int) -> None:
        self._orders = [BOOK.saga(order) for order in orders]
        self._stock = BOOK.stock(Stock(SKU, pieces))
        self._pieces = pieces

    def take(self, pick: int) -> None:
        """Some step that makes a difference, or one that should not."""
        options = [
            (place, move)
            for place, order in enumerate(self._orders)
            for move in BOOK.moves(order, self._stock)
        ]
        if options:
            self._step(*options[pick % len(options)])

    def finish(self) -> list[Saga]:
        """Deliver all, and ask the processor until it is known what became of every charge."""
        while (step := next(self._free(), None)) is not None:
            self._step(*step)
        return [BOOK.sagas[order] for order in self._orders]

    def _free(self) -> Iterator[tuple[int, Move]]:
        for place, order in enumerate(self._orders):
            for move in BOOK.moves(order, self._stock):
                if move.fault is None and move.name not in (CANCEL, EXPIRY):
                    yield place, move

    def _step(self, place: int, move: Move) -> None:
        assert not move.flaws, move
        self._orders[place], self._stock = move.saga, move.stock
        held = [BOOK.held[order] for order in self._orders]
        assert not flaws_of_stock(held, BOOK.stocks[self._stock], self._pieces), move


@settings(max_examples=150)  # the first walks fill the book
@given(
    tokens=st.lists(st.sampled_from(TOKENS), min_size=1, max_size=3),
    pieces=st.integers(0, 3),
    picks=st.lists(st.integers(0, 10_000), max_size=50),
)
def test_any_walk_of_three_orders_keeps_every_rule_and_decides_every_order(
    tokens: list[str], pieces: int, picks: list[int]
) -> None:
    walk = Walk([placed(token) for token in tokens], pieces)
    for pick in picks:
        walk.take(pick)
    ended = walk.finish()
    assert all(order.quiet for order in ended)
    confirmed = [order for order in ended if order.order.state is State.CONFIRMED]
    assert len(confirmed) <= pieces
    assert all(order.token == "tok_approved" for order in confirmed)
