"""The exploration can fail: a rule broken on purpose is found, with the shortest way to the flaw."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import ModuleType

import pytest

from services.inventory import domain as inventory
from services.inventory.domain import Decision, Line, Reservation, Stock
from services.inventory.domain import State as Stand
from services.orders import domain as orders
from services.orders.domain import Order
from services.payments import domain as payments
from services.payments.domain import Payment
from services.payments.domain import State as Pay
from services.payments.processor import domain as processor
from tests.model import invariants
from tests.model.choreography import SKU, placed
from tests.model.exploration import Budget, Exploration, Flaw

GOOD, BAD = "tok_approved", "tok_declined"

release, reserve, expire = inventory.release, inventory.reserve, inventory.expire
stock_reserved, cancel, charge = payments.stock_reserved, payments.cancel, processor.charge
processor_answered = payments.processor_answered


def release_without_tombstone(reservation: Reservation, reason: str) -> Decision:
    if reservation.state is Stand.NONE:
        return Decision(reservation)
    return release(reservation, reason)


def reserve_every_time(
    reservation: Reservation,
    lines: tuple[Line, ...],
    stock: Mapping[str, Stock],
    now: datetime,
    hold: timedelta,
) -> Decision:
    held = reservation.state is Stand.RESERVED
    return reserve(Reservation(reservation.order_id) if held else reservation, lines, stock, now, hold)


def expire_without_asking(reservation: Reservation, now: datetime) -> Decision:
    if expire(reservation, now).facts:
        return release(reservation, "RESERVATION_EXPIRED")
    return Decision(reservation)


def reserve_for_all(
    reservation: Reservation,
    lines: tuple[Line, ...],
    stock: Mapping[str, Stock],
    now: datetime,
    hold: timedelta,
) -> Decision:
    return reserve(reservation, lines, {SKU: Stock(SKU, 9)}, now, hold)


def forget_stock_that_comes_early(payment: Payment, now: datetime) -> payments.Decision:
    return payments.Decision(payment) if payment.terms is None else stock_reserved(payment, now)


def charge_without_stock(payment: Payment, terms: payments.Terms, now: datetime) -> payments.Decision:
    return payments.charge(payment, terms, now)


def void_an_open_charge(payment: Payment, reason: str, now: datetime) -> payments.Decision:
    unasked = replace(payment, state=Pay.NONE) if payment.state is Pay.CHARGING else payment
    return cancel(unasked, reason, now)


def charge_every_time(found: processor.Charge, amount: int, currency: str, token: str) -> processor.Decision:
    again = found.state is processor.State.APPROVED
    return charge(processor.Charge(found.key) if again else found, amount, currency, token)


def say_both(payment: Payment, answer: payments.Answer, now: datetime) -> payments.Decision:
    decision = processor_answered(payment, answer, now)
    failed = payments.PaymentFailed(payment.order_id, "SAID_BOTH")
    paid = any(isinstance(fact, payments.PaymentProcessed) for fact in decision.facts)
    return replace(decision, facts=(*decision.facts, failed)) if paid else decision


def charge_when_stock_comes_after_its_expiry(payment: Payment, now: datetime) -> payments.Decision:
    late = payment.reason == "RESERVATION_EXPIRED" and not payment.stock_reserved
    return stock_reserved(replace(payment, state=Pay.NONE) if late else payment, now)


def cancel_whatever_the_state(order: Order) -> orders.Decision:
    return orders.Decision(replace(order, cancel_requested=True))


Rule = tuple[ModuleType, str]
RELEASE, RESERVE, EXPIRE = (inventory, "release"), (inventory, "reserve"), (inventory, "expire")
HEAR_PLACED, HEAR_RESERVED = (payments, "order_placed"), (payments, "stock_reserved")
CANCEL, ANSWER, CHARGE = (payments, "cancel"), (payments, "processor_answered"), (processor, "charge")
REQUEST_CANCEL = (orders, "request_cancel")

NOT_PAID = "a cancelled order is not paid and will not be"

BROKEN: list[tuple[Rule, Callable[..., object], str]] = [
    (RELEASE, release_without_tombstone, "an order at rest is decided"),
    (RESERVE, reserve_every_time, invariants.STOCK),
    (RESERVE, reserve_for_all, invariants.STOCK),
    (EXPIRE, expire_without_asking, NOT_PAID),
    (HEAR_RESERVED, forget_stock_that_comes_early, "an order at rest is decided"),
    (HEAR_PLACED, charge_without_stock, NOT_PAID),
    (CANCEL, void_an_open_charge, "no money stays moved for a payment that has failed"),
    (ANSWER, say_both, invariants.ALARM),
    (REQUEST_CANCEL, cancel_whatever_the_state, invariants.FINALITY),
]
ONE_FAULT: list[tuple[Rule, Callable[..., object], Budget, str]] = [
    (RESERVE, reserve_every_time, Budget(duplicates=1), invariants.STOCK),
    (HEAR_RESERVED, charge_when_stock_comes_after_its_expiry, Budget(reorders=1), NOT_PAID),
    (CHARGE, charge_every_time, Budget(crashes=1), "the money moved at most once, and as the ledger says"),
]


def first_flaw(cards: tuple[str, ...], budget: Budget, *, inbox: bool = False) -> Flaw | None:
    return Exploration([placed(card) for card in cards], 1, budget, inbox=inbox).run().flaw


@pytest.mark.parametrize(("rule", "broken", "words"), BROKEN)
def test_a_broken_rule_is_found(
    rule: Rule, broken: Callable[..., object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*rule, broken)
    flaw = first_flaw((GOOD, BAD), Budget(duplicates=2, reorders=1, crashes=1))
    assert flaw is not None
    assert flaw.words == words


@pytest.mark.parametrize(("rule", "broken", "fault", "words"), ONE_FAULT)
def test_each_fault_finds_what_is_not_found_without_it(
    rule: Rule, broken: Callable[..., object], fault: Budget, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*rule, broken)
    assert first_flaw((GOOD,), Budget()) is None
    flaw = first_flaw((GOOD,), fault)
    assert flaw is not None
    assert flaw.words == words


def test_the_inbox_hides_a_table_that_does_not_dedupe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*RESERVE, reserve_every_time)
    assert first_flaw((GOOD,), Budget(duplicates=2, crashes=1), inbox=True) is None


def test_a_flaw_comes_with_the_shortest_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its tombstone, a release that comes before the order is lost: the stock is held for ever."""
    monkeypatch.setattr(*RELEASE, release_without_tombstone)
    flaw = first_flaw((GOOD,), Budget())
    assert flaw is not None
    assert flaw.trace == (
        "order 1: payments hears OrderPlaced",
        "order 1: the customer cancels",
        "order 1: payments hears OrderCancellationRequested",
        "order 1: inventory hears PaymentFailed",
        "order 1: inventory hears OrderPlaced",
        "order 1: payments hears StockReserved",
    )
