"""What can follow for one order, worked out and checked once for each order's state and stock.

The exploration handles numbers; only here they are turned into states, steps and broken rules.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from services.inventory.domain import Stock
from tests.model.choreography import Fault, Saga, Step, arrivals, wishes
from tests.model.invariants import flaws_of_step, held_by
from tests.model.settlement import settlement

FAULTS = tuple(Fault)


@dataclass(frozen=True)
class Move:
    """A step by numbers: its fault's place in FAULTS (None if it takes none), and what it leads to."""

    said: str
    fault: int | None
    saga: int
    stock: int
    flaws: tuple[str, ...]

    @property
    def name(self) -> str:
        """Which message it is, whatever comes of it."""
        return self.said.partition(":")[0]


def steps_of(saga: Saga, stock: Stock, *, inbox: bool = False) -> Iterator[Step]:
    """All that can happen next to one order."""
    return chain(arrivals(saga, stock, inbox=inbox), settlement(saga, stock), wishes(saga, stock))


class Book:
    """Numbers the states of orders and the stocks in the order in which they are first met."""

    def __init__(self, *, inbox: bool) -> None:
        self.sagas: list[Saga] = []
        self.held: list[tuple[int, int]] = []
        """By the number of an order's state: what it has of the stock."""
        self.stocks: list[Stock] = []
        self.steps: Counter[Fault | None] = Counter()
        """How many different steps were worked out, by the fault that they take."""
        self._inbox = inbox
        self._numbers: dict[Saga | Stock, int] = {}
        self._moves: dict[tuple[int, int], tuple[Move, ...]] = {}
        self._changes: dict[tuple[int, int], tuple[Move, ...]] = {}

    def saga(self, saga: Saga) -> int:
        """The number of an order's state."""
        number = self._numbers.setdefault(saga, len(self.sagas))
        if number == len(self.sagas):
            self.sagas.append(saga)
            self.held.append(held_by(saga))
        return number

    def stock(self, stock: Stock) -> int:
        """The number of a stock."""
        number = self._numbers.setdefault(stock, len(self.stocks))
        if number == len(self.stocks):
            self.stocks.append(stock)
        return number

    def moves(self, saga: int, stock: int) -> tuple[Move, ...]:
        """All that can follow."""
        if (saga, stock) not in self._moves:
            self._moves[saga, stock] = tuple(self._work_out(saga, stock))
        return self._moves[saga, stock]

    def changes(self, saga: int, stock: int) -> tuple[Move, ...]:
        """What can follow and makes a difference: something changes, or a rule is broken."""
        found = self._changes.get((saga, stock))
        if found is None:
            moves = self.moves(saga, stock)
            found = tuple(move for move in moves if move.flaws or (move.saga, move.stock) != (saga, stock))
            self._changes[saga, stock] = found
        return found

    def _work_out(self, saga: int, stock: int) -> Iterator[Move]:
        before = self.sagas[saga]
        for step in steps_of(before, self.stocks[stock], inbox=self._inbox):
            self.steps[step.fault] += 1
            fault = None if step.fault is None else FAULTS.index(step.fault)
            flaws = flaws_of_step(before, step)
            yield Move(step.said, fault, self.saga(step.saga), self.stock(step.stock), flaws)
