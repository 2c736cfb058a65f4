"""Every state that some orders, one stock and a budget of faults can reach, each checked.

The search is breadth-first, fewest faults first and then fewest steps; what it finds is the shortest in
that sense, and it stops there. Three reductions, all exact:

- A state keeps its orders sorted: two on the same terms may change places, as no step and no rule looks at
  an order's place or id.
- A state that was reached with as much or more of the budget left is not visited again: whatever could
  follow from it follows from there, and no rule looks at the budget.
- What follows for one order depends on that order and the stock alone. It is worked out and checked once
  for each such pair, and looked up afterwards. Only the stock's rule needs all orders at once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from services.inventory.domain import Stock
from tests.model.choreography import SKU, Fault, Saga
from tests.model.invariants import flaws_of_stock
from tests.model.lookup import FAULTS, Book

State = tuple[tuple[int, ...], int]
"""The orders and the stock, by their numbers."""
Node = tuple[State, int]
"""A state, and the number of what is left of the budget."""


@dataclass(frozen=True)
class Budget:
    """How often each fault may happen over the whole run, all orders together."""

    duplicates: int = 0
    reorders: int = 0
    crashes: int = 0


@dataclass(frozen=True)
class Flaw:
    """A broken rule and the shortest way to it."""

    words: str
    trace: tuple[str, ...]


@dataclass
class Explored:
    """What was seen, up to the first flaw."""

    states: int
    """Different orders and stock, whatever was left of the budget."""
    at_rest: tuple[tuple[Saga, ...], ...]
    """The orders of every state in which nothing is under way any more."""
    sagas: tuple[Saga, ...]
    """Every state of one order."""
    steps: Counter[Fault | None]
    """How many different steps of one order were looked at, by the fault that they take."""
    most_faults: int
    """With so many faults something new was still reached."""
    flaw: Flaw | None


class Rests:
    """What may be left of a budget, numbered from the whole of it, 0."""

    def __init__(self, budget: Budget) -> None:
        most = (budget.duplicates, budget.reorders, budget.crashes)
        self._rests = list(product(*(range(count, -1, -1) for count in most)))
        self.after = [[self._less(rest, fault) for fault in range(len(FAULTS))] for rest in self._rests]
        """By rest and fault: the rest afterwards, or None if that fault is used up."""
        self.at_least = [self._at_least(rest) for rest in self._rests]
        """By rest: a bit for each rest that is as large or larger."""

    def _less(self, rest: tuple[int, ...], fault: int) -> int | None:
        less = tuple(count - (place == fault) for place, count in enumerate(rest))
        return self._rests.index(less) if less in self._rests else None

    def _at_least(self, rest: tuple[int, ...]) -> int:
        larger = (all(a >= b for a, b in zip(other, rest, strict=True)) for other in self._rests)
        return sum(1 << number for number, is_larger in enumerate(larger) if is_larger)


class Exploration:
    """Some orders that want the same product, so many pieces of it, and a budget of faults."""

    def __init__(self, orders: Iterable[Saga], pieces: int, budget: Budget, *, inbox: bool) -> None:
        self._pieces = pieces
        self._book = Book(inbox=inbox)
        self._rests = Rests(budget)
        sagas = sorted(self._book.saga(order) for order in orders)
        self._start: State = (tuple(sagas), self._book.stock(Stock(SKU, pieces)))
        self._layers: list[list[Node]] = [[] for _ in range(1 + sum(vars(budget).values()))]
        self._reached: dict[State, int] = {}
        self._parents: dict[Node, Node] = {}
        self._flaw: Flaw | None = None

    def run(self) -> Explored:
        """Visit everything, or stop at the first flaw."""
        self._reach((self._start, 0), None, 0)
        for faults, layer in enumerate(self._layers):
            for node in layer:  # grows while it is gone through
                if not self._has_more(node):
                    self._visit(node, faults)
                if self._flaw is not None:
                    return self._explored()
        return self._explored()

    def _explored(self) -> Explored:
        book = self._book
        quiet = [saga.quiet for saga in book.sagas]
        at_rest = (sagas for sagas, _ in self._reached if all(quiet[saga] for saga in sagas))
        return Explored(
            states=len(self._reached),
            at_rest=tuple(tuple(book.sagas[saga] for saga in sagas) for sagas in at_rest),
            sagas=tuple(book.sagas),
            steps=book.steps,
            most_faults=max(faults for faults, layer in enumerate(self._layers) if layer),
            flaw=self._flaw,
        )

    def _visit(self, node: Node, faults: int) -> None:
        (sagas, stock), rest = node
        after, at_least, reached = self._rests.after[rest], self._rests.at_least, self._reached
        for place, saga in enumerate(sagas):
            others = sagas[:place] + sagas[place + 1 :]
            for move in self._book.changes(saga, stock):
                left = rest if move.fault is None else after[move.fault]
                if left is None:
                    continue
                state = (tuple(sorted((move.saga, *others))), move.stock)
                if move.flaws:
                    self._found(move.flaws, node, (state, left))
                elif not reached.get(state, 0) & at_least[left]:
                    self._reach((state, left), node, faults + (move.fault is not None))

    def _reach(self, node: Node, parent: Node | None, faults: int) -> None:
        """Note a state from which something new may follow; check the stock if the state itself is new."""
        state, rest = node
        reached = self._reached.get(state, 0)
        self._reached[state] = reached | 1 << rest
        self._layers[faults].append(node)
        if parent is None:
            return
        self._parents[node] = parent
        if not reached:
            sagas, stock = state
            book = self._book
            flaws = flaws_of_stock([book.held[saga] for saga in sagas], book.stocks[stock], self._pieces)
            if flaws:
                self._found(flaws, parent, node)

    def _has_more(self, node: Node) -> bool:
        """Whether the same state was reached with more of the budget left, since it was noted."""
        state, rest = node
        return bool(self._reached[state] & self._rests.at_least[rest] & ~(1 << rest))

    def _found(self, flaws: tuple[str, ...], parent: Node, node: Node) -> None:
        """Keep the first flaw, with the steps that led to it."""
        way = [node, parent]
        while way[-1] in self._parents:
            way.append(self._parents[way[-1]])
        self._flaw = self._flaw or Flaw("; ".join(flaws), tuple(self._told(way[::-1])))

    def _told(self, way: list[Node]) -> Iterator[str]:
        """The steps between states in words. The orders keep the places that they began with."""
        sagas = list(self._start[0])
        for ((_, stock), rest), (state, left) in pairwise(way):
            place, move = next(
                (place, move)
                for place, saga in enumerate(sagas)
                for move in self._book.changes(saga, stock)
                if (tuple(sorted((*sagas[:place], move.saga, *sagas[place + 1 :]))), move.stock) == state
                and left == (rest if move.fault is None else self._rests.after[rest][move.fault])
            )
            sagas[place] = move.saga
            fault = "" if move.fault is None else f" ({FAULTS[move.fault]})"
            yield f"order {place + 1}: {move.said}{fault}"
