"""The same things happen to the same orders in all three coordinations: so they end the same.

Scenarios are generated, the same in every run. Each is played in each coordination with products of its own;
compared are the answers, how the orders end, what was paid, and the stock. Cancels come at a moment that is
known: after the end, before anything was done, or with the charge under way. Free races are elsewhere.
"""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc
import psutil
import pytest

from ops.client import Metadata
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import wait_for, wait_until_nothing_is_open
from tests.harness.customer import Customer
from tests.harness.records import records
from tests.harness.shelves import PRICE_MINOR, shelves
from tests.harness.workflows import wait_until_no_workflow_runs

pytestmark = [pytest.mark.suite, pytest.mark.timeout(300)]

MODES = {
    "SYNC": orders_pb2.COORDINATION_SYNC,
    "CHOREOGRAPHY": orders_pb2.COORDINATION_CHOREOGRAPHY,
    "ORCHESTRATION": orders_pb2.COORDINATION_ORCHESTRATION,
}
SEED = 20261124
GOOD_CARDS, BAD_CARDS = ("approved", "reply_lost"), ("declined", "insufficient_funds", "expired")
TOGETHER = 4  # scenarios of one coordination that are played at the same time
PINNED = 6  # scenarios whose cancels are sent while a participant stands still, at a time
NOTHING = "nothing yet"
GIVEN_BACK = "VOIDED or REFUNDED"
"""Whether a charge that stood still is found made or not made, the processor's own clock decides."""
SCENARIOS = 180
PATIENT = 30.0  # seconds: the answer is to be the outcome


@dataclass(frozen=True)
class Wish:
    """One order: so many pieces of each product of its scenario, and whether it is cancelled."""

    pieces: tuple[int, ...]
    card: str
    cancelled: bool = False


@dataclass(frozen=True)
class Scenario:
    """Orders placed one after the other, for products of which there is so much."""

    number: int
    stock: tuple[int, ...]
    wishes: tuple[Wish, ...]


@dataclass(frozen=True)
class End:
    """How one order ended. `answers` is what placing and cancelling it answered, where that is compared."""

    state: str
    reason: str = ""
    payment: str = "NONE"
    paid: int = 0
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placed:
    """One order that was placed, and what placing and cancelling it answered."""

    order_id: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How one scenario ended: its orders, and (on hand, reserved, sold) of its products."""

    ends: tuple[End, ...]
    stock: tuple[tuple[int, int, int], ...]


def generated(count: int, seed: int) -> list[Scenario]:
    """Scenarios with one or two orders, some of them cancelled after their end."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    found = []
    for number in range(count):
        stock = tuple(chance.choice((0, 1, 2, 3, 5)) for _ in range(chance.choice((1, 1, 2))))
        wishes = [
            Wish(
                pieces=tuple(chance.choice((1, 1, 2, 3)) for _ in stock),
                card=chance.choice((*GOOD_CARDS, *GOOD_CARDS, chance.choice(BAD_CARDS))),
                cancelled=chance.random() < 0.3,
            )
            for _ in range(chance.choice((1, 1, 2)))
        ]
        found.append(Scenario(number, stock, tuple(wishes)))
    return found


def expected(scenario: Scenario) -> list[End]:
    """What any coordination makes of it, said in a few lines."""
    left, ends = list(scenario.stock), []
    for wish in scenario.wishes:
        total = PRICE_MINOR * sum(wish.pieces)
        if any(n > there for n, there in zip(wish.pieces, left, strict=True)):
            end = End("CANCELLED", "OUT_OF_STOCK", answers=("FAILED_PRECONDITION OUT_OF_STOCK",))
        elif wish.card in BAD_CARDS:
            said = ("FAILED_PRECONDITION PAYMENT_DECLINED",)
            end = End("CANCELLED", "PAYMENT_DECLINED", "DECLINED", answers=said)
        else:
            end = End("CONFIRMED", payment="CHARGED", paid=total, answers=("OK",))
            left = [there - n for n, there in zip(wish.pieces, left, strict=True)]
        if wish.cancelled:
            late = "OK" if end.state == "CANCELLED" else "FAILED_PRECONDITION ORDER_NOT_CANCELLABLE"
            end = replace(end, answers=(*end.answers, late))
        ends.append(end)
    return ends


class Books:
    """What the services have on record of some orders and products."""

    def __init__(self, suite: Suite, order_ids: list[str], skus: list[str]) -> None:
        of_orders, of_keys = "where order_id = any($1)", "where key = any($1)"
        orders = records(suite, "orders", f"select * from orders {of_orders}", order_ids)
        paid = records(suite, "payments", f"select * from payments {of_orders}", order_ids)
        entries = records(suite, "processor", f"select * from entries {of_keys}", order_ids)
        stock = records(suite, "inventory", "select * from stock where sku = any($1)", skus)
        self._orders = {str(row["order_id"]): row for row in orders}
        self._payments = {str(row["order_id"]): _payment(row) for row in paid}
        self._stock = {row["sku"]: (row["on_hand"], row["reserved"], row["sold"]) for row in stock}
        self._moved: dict[str, int] = defaultdict(int)
        for row in entries:
            self._moved[row["key"]] += row["amount_minor"] * (1 if row["kind"] == "CHARGE" else -1)

    def end(self, placed: Placed) -> End:
        """How one order ended."""
        order = self._orders[placed.order_id]
        payment = self._payments.get(placed.order_id, "NONE")
        return End(order["state"], order["reason"], payment, self._moved[placed.order_id], placed.answers)

    def shelf(self, sku: str) -> tuple[int, int, int]:
        """On hand, reserved, sold."""
        return self._stock.get(sku, (0, 0, 0))


def _payment(row: dict[str, Any]) -> str:
    begun = row["charge_started_time"] is not None
    return GIVEN_BACK if begun and row["state"] in ("VOIDED", "REFUNDED") else str(row["state"])


class Play:
    """Scenarios in one coordination, with a customer and products of its own."""

    def __init__(self, mode: str, customer: Customer) -> None:
        self.mode = mode
        self.customer = customer
        self.run = f"{mode[:4]}-{uuid.uuid4().hex[:8].upper()}"
        self.placed: dict[int, list[Placed]] = {}

    def skus(self, scenario: Scenario) -> list[str]:
        """The products of a scenario."""
        return [f"{self.run}-{scenario.number}-{product}" for product in range(len(scenario.stock))]

    def play(self, scenario: Scenario) -> None:
        """Each order is placed, waited for, and then cancelled if it is to be."""
        self.placed[scenario.number] = []
        for wish in scenario.wishes:
            placed = self.place(scenario, wish)
            if wish.cancelled:
                answer = self.customer.cancel(placed.order_id)
                said = f"{answer.code} {answer.reason}".strip()
                placed = replace(placed, answers=(*placed.answers, said))
            self.placed[scenario.number].append(placed)

    def place(self, scenario: Scenario, wish: Wish) -> Placed:
        """One order; returns with its outcome."""
        answer = self.customer.place(
            lines=dict(zip(self.skus(scenario), wish.pieces, strict=True)),
            card=wish.card,
            coordination=MODES[self.mode],
            wait=orders_pb2.WAIT_FINAL,
            seconds=PATIENT,
        )
        return Placed(answer.order_id, (f"{answer.code} {answer.reason}".strip(),))

    def outcomes(self, suite: Suite, scenarios: list[Scenario]) -> list[Outcome]:
        """How each scenario ended; to be asked when nothing is open any more."""
        ids = [placed.order_id for each in self.placed.values() for placed in each]
        books = Books(suite, ids, [sku for scenario in scenarios for sku in self.skus(scenario)])
        return [
            Outcome(
                tuple(books.end(placed) for placed in self.placed[scenario.number]),
                tuple(books.shelf(sku) for sku in self.skus(scenario)),
            )
            for scenario in scenarios
        ]


@pytest.fixture
def plays(edge: grpc.Channel) -> list[Play]:
    """One for each coordination."""
    return [Play(mode, Customer.new(edge)) for mode in MODES]


def stock_of(plays: list[Play], scenarios: list[Scenario]) -> dict[str, int]:
    return {
        sku: pieces
        for play in plays
        for scenario in scenarios
        for sku, pieces in zip(play.skus(scenario), scenario.stock, strict=True)
    }


def compared(suite: Suite, plays: list[Play], scenarios: list[Scenario]) -> list[Outcome]:
    """The outcomes, when everything has come to its end, and is the same in all coordinations."""
    assert wait_until_nothing_is_open(suite).violations == []
    wait_until_no_workflow_runs(suite)
    found = {play.mode: play.outcomes(suite, scenarios) for play in plays}
    differing = [
        (scenario, {mode: outcomes[at] for mode, outcomes in found.items()})
        for at, scenario in enumerate(scenarios)
        if len({outcomes[at] for outcomes in found.values()}) > 1
    ]
    assert differing == []
    return next(iter(found.values()))


def test_what_happens_to_an_order_is_the_same_in_every_coordination(
    suite: Suite, operator: grpc.Channel, olga: Metadata, plays: list[Play]
) -> None:
    scenarios = generated(SCENARIOS, SEED)
    with shelves(suite, operator, olga, stock_of(plays, scenarios)), ThreadPoolExecutor(TOGETHER * 3) as pool:
        working = [pool.submit(play.play, scenario) for scenario in scenarios for play in plays]
        for done in working:
            done.result()
    outcomes = compared(suite, plays, scenarios)
    assert [list(outcome.ends) for outcome in outcomes] == [expected(scenario) for scenario in scenarios]
    reasons = {end.reason for outcome in outcomes for end in outcome.ends}
    assert reasons == {"", "OUT_OF_STOCK", "PAYMENT_DECLINED"}  # nothing of it is left out


@contextmanager
def standing_still(suite: Suite, part: str) -> Iterator[None]:
    """A part is paused for the length of a block: what reaches it, it finds when it goes on."""
    process = psutil.Process(suite.pid(part))
    process.suspend()
    try:
        yield
    finally:
        process.resume()


class Pinned:
    """Single orders of all coordinations that are cancelled while a part stands still."""

    def __init__(self, suite: Suite, plays: list[Play], scenarios: list[Scenario]) -> None:
        self.suite = suite
        self.plays = plays
        self.scenarios = scenarios

    def play(self, part: str, begun: str, decided: str) -> None:
        """Place all, wait until payments has on record that they have `begun`, cancel all, wait until it has
        them `decided`, and let the part go on.
        """
        each = [(play, scenario) for play in self.plays for scenario in self.scenarios]
        with ThreadPoolExecutor(2 * len(each)) as pool:
            with standing_still(self.suite, part):
                placing = [pool.submit(play.place, scenario, scenario.wishes[0]) for play, scenario in each]
                wait_for(lambda: len(self.placed()) == len(each), "every order to be placed")
                wait_for(lambda: self.recorded(begun) == len(each), f"every payment to be: {begun}")
                cancels = [pool.submit(play.customer.cancel, order_id) for order_id, play in self.placed()]
                wait_for(lambda: self.recorded(decided) == len(each), f"every payment to be: {decided}")
            assert {cancel.result().code for cancel in cancels} == {"OK"}
            for (play, scenario), placed in zip(each, placing, strict=True):
                play.placed[scenario.number] = [Placed(placed.result().order_id)]

    def placed(self) -> list[tuple[str, Play]]:
        """The orders that are not at their end."""
        return [
            (order.order_id, play)
            for play in self.plays
            for order in play.customer.all_orders()
            if order.state == orders_pb2.ORDER_STATE_PENDING
        ]

    def recorded(self, condition: str) -> int:
        """How many of these orders payments has on record so."""
        if condition == NOTHING:
            return len(self.placed())
        query = f"select 1 from payments where order_id = any($1) and {condition}"
        return len(records(self.suite, "payments", query, [order_id for order_id, _ in self.placed()]))


def pinned(first: int) -> list[Scenario]:
    """Single orders for what there is enough of: nothing but the cancel is in their way."""
    return [
        Scenario(number, stock=(number % 3 + 2,), wishes=(Wish((number % 3 + 1,), "approved"),))
        for number in range(first, first + PINNED)
    ]


@pytest.mark.parametrize("first", range(0, 3 * PINNED, PINNED))
def test_a_cancel_before_anything_was_done_ends_the_same_in_every_coordination(
    suite: Suite, operator: grpc.Channel, olga: Metadata, plays: list[Play], first: int
) -> None:
    scenarios = pinned(first)
    with shelves(suite, operator, olga, stock_of(plays, scenarios)):
        Pinned(suite, plays, scenarios).play("inventory", begun=NOTHING, decided="state = 'VOIDED'")
    for scenario, outcome in zip(scenarios, compared(suite, plays, scenarios), strict=True):
        assert outcome.ends == (End("CANCELLED", "CANCELLED_BY_CUSTOMER", "VOIDED"),)
        assert outcome.stock == ((scenario.stock[0], 0, 0),)


def test_a_cancel_with_the_charge_under_way_ends_the_same_in_every_coordination(
    suite: Suite, operator: grpc.Channel, olga: Metadata, plays: list[Play]
) -> None:
    scenarios = pinned(0)
    with shelves(suite, operator, olga, stock_of(plays, scenarios)):
        Pinned(suite, plays, scenarios).play(
            "processor", begun="state = 'CHARGING'", decided="cancel_requested"
        )
    for scenario, outcome in zip(scenarios, compared(suite, plays, scenarios), strict=True):
        assert outcome.ends == (End("CANCELLED", "CANCELLED_BY_CUSTOMER", GIVEN_BACK),)
        assert outcome.stock == ((scenario.stock[0], 0, 0),)
