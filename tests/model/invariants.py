"""What must be true of the choreographed saga: of every state, of every step, and of an order at rest.

A flaw is a rule that is broken, in words. All rules but that of the stock look at one order alone.
"""

from collections.abc import Callable, Mapping, Sequence

from services.inventory import domain as inventory
from services.inventory.domain import State as Stand
from services.orders.domain import State as End
from services.payments.domain import State as Pay
from services.payments.processor.domain import State as Ledger
from tests.model.choreography import Saga, Step

Rule = Callable[[Saga], bool]

ALWAYS: Mapping[str, Rule] = {
    "the money moved at most once, and as the ledger says": lambda saga: (
        saga.paid == (saga.order.total if saga.charge.state is Ledger.APPROVED else 0)
    ),
    "no money stays moved for a payment that has failed": lambda saga: (
        saga.payment.state not in (Pay.VOIDED, Pay.DECLINED, Pay.REFUNDED) or saga.paid == 0
    ),
    "a confirmed order is paid": lambda saga: (
        saga.order.state is not End.CONFIRMED
        or (saga.payment.state is Pay.CHARGED and saga.paid == saga.order.total)
    ),
    "a cancelled order is not paid and will not be": lambda saga: (
        saga.order.state is not End.CANCELLED
        or (saga.payment.state not in (Pay.CHARGING, Pay.CHARGED) and saga.paid == 0)
    ),
    "a cancelled order holds no stock": lambda saga: (
        saga.order.state is not End.CANCELLED
        or saga.reservation.state not in (Stand.RESERVED, Stand.COMMITTED, Stand.PAID)
    ),
}

AT_REST: Mapping[str, Rule] = {
    "an order at rest is decided": lambda saga: saga.order.is_final,
    "a confirmed order at rest has its stock": lambda saga: (
        saga.order.state is not End.CONFIRMED or saga.reservation.state is Stand.COMMITTED
    ),
    "a cancelled order at rest can hold nothing any more": lambda saga: (
        saga.order.state is not End.CANCELLED or saga.reservation.state in (Stand.RELEASED, Stand.FAILED)
    ),
    "a cancelled order says why it ended": lambda saga: (
        saga.order.state is not End.CANCELLED or saga.order.reason == _why(saga)
    ),
}

STOCK = "the stock adds up, and is reserved or sold as the reservations say"
FINALITY = "a final order never changes"
ALARM = "no alarm"


def flaws_of(saga: Saga) -> tuple[str, ...]:
    """The rules that one order breaks as it is now."""
    rules = {**ALWAYS, **AT_REST} if saga.quiet else ALWAYS
    return tuple(words for words, holds in rules.items() if not holds(saga))


def flaws_of_step(before: Saga, step: Step) -> tuple[str, ...]:
    """The rules that a step breaks, or the state that it leads to."""
    changed = before.order.is_final and step.saga.order != before.order
    return ((FINALITY,) if changed else ()) + ((ALARM,) if step.alarm else ()) + flaws_of(step.saga)


def held_by(saga: Saga) -> tuple[int, int]:
    """What an order has of the stock by its reservation: reserved, and sold."""
    quantity = sum(line.quantity for line in saga.reservation.lines)
    state = saga.reservation.state
    return (quantity if state is Stand.RESERVED else 0, quantity if state is Stand.COMMITTED else 0)


def flaws_of_stock(held: Sequence[tuple[int, int]], stock: inventory.Stock, pieces: int) -> tuple[str, ...]:
    """The stock against what every order has of it; all began with so many pieces on hand."""
    reserved, sold = map(sum, zip(*held, strict=True))
    adds_up = stock.on_hand + stock.reserved + stock.sold == pieces and stock.on_hand >= 0
    return () if adds_up and (stock.reserved, stock.sold) == (reserved, sold) else (STOCK,)


def _why(saga: Saga) -> str:
    """The reason a cancelled order must show: that of the payment, unless there was no stock at all."""
    return "OUT_OF_STOCK" if saga.reservation.state is Stand.FAILED else saga.payment.reason
