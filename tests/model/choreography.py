"""The choreographed saga of one order as pure decisions: who hears what, and what follows from it.

A step takes the state of one order and the stock, and gives both as they are afterwards. All rules are
those of the services' domains; the model adds what lies between them:

- A fact goes to whoever consumes it. Letters of one topic arrive in their order, topics do not wait for
  each other. What arrived once is in the inbox.
- A duplicate is a letter that arrives again at any later moment, and so is what a consumer gets again that
  died before its offset was committed. With `inbox` it has no effect; without, it reaches the domain, as if
  it came under a new event id.
- The card processor is called outside the transactions: begun, done at the processor, and written down
  are three steps (`settlement.py`).
- An alarm has no effect; the record is set aside.

Facts without a consumer here (OrderConfirmed, OrderCancelled, StockCommitted, PaymentRefunded) are not
sent: a consumer skips them before its handler. Nothing compares order ids, an order is known by its place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.inventory import domain as inventory
from services.orders import domain as orders
from services.payments import domain as payments
from services.payments.processor import domain as processor

ORDER = UUID("00000000-0000-4000-8000-000000000001")
ADA = UUID("00000000-0000-4000-8000-00000000000a")
SKU, PRICE = "MUG-BLUE", 1250
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOLD = timedelta(minutes=2)
CANCEL, EXPIRY = "the customer cancels", "the hold expires"

Fact = orders.Fact | inventory.Fact | payments.Fact


class Service(StrEnum):
    """Whose topic it is, or who consumes it."""

    ORDERS = "orders"
    INVENTORY = "inventory"
    PAYMENTS = "payments"


class Fault(StrEnum):
    """What may go wrong: a letter comes again, or before an earlier one of its way, or a process dies."""

    DUPLICATE = "duplicate"
    REORDER = "reorder"
    CRASH = "crash"


class Call(StrEnum):
    """A request to the card processor that is on its way."""

    CHARGE = "charge"
    VOID = "void"
    REFUND = "refund"


CONSUMERS: Mapping[type, tuple[Service, tuple[Service, ...]]] = {
    orders.OrderPlaced: (Service.ORDERS, (Service.INVENTORY, Service.PAYMENTS)),
    orders.OrderCancellationRequested: (Service.ORDERS, (Service.PAYMENTS,)),
    inventory.StockReserved: (Service.INVENTORY, (Service.PAYMENTS,)),
    inventory.StockReservationFailed: (Service.INVENTORY, (Service.ORDERS,)),
    inventory.StockReservationExpired: (Service.INVENTORY, (Service.PAYMENTS,)),
    inventory.StockReleased: (Service.INVENTORY, (Service.ORDERS,)),
    payments.PaymentProcessed: (Service.PAYMENTS, (Service.ORDERS, Service.INVENTORY)),
    payments.PaymentFailed: (Service.PAYMENTS, (Service.INVENTORY,)),
}
"""By fact: its topic, and who reacts to it."""


@dataclass(frozen=True)
class Letter:
    """One fact on its way to one consumer, or in that consumer's inbox."""

    topic: Service
    consumer: Service
    fact: Fact
    arrived: bool = False


@dataclass(frozen=True)
class Saga:
    """All there is of one order: three rows, the processor's ledger and what is under way."""

    token: str
    order: orders.Order
    reservation: inventory.Reservation
    payment: payments.Payment
    charge: processor.Charge
    paid: int = 0
    calls: tuple[Call | payments.Answer, ...] = ()
    letters: tuple[Letter, ...] = ()

    @property
    def quiet(self) -> bool:
        """True if nothing is under way any more; only a wish or a fault can go on from here."""
        open_charge = self.calls or self.payment.state is payments.State.CHARGING
        return not open_charge and all(letter.arrived for letter in self.letters)


@dataclass(frozen=True)
class Step:
    """What can happen next, what it takes, and how it is afterwards; before a colon stands its name."""

    said: str
    saga: Saga
    stock: inventory.Stock
    fault: Fault | None = None
    alarm: bool = False


def placed(token: str) -> Saga:
    """An order of one piece that was just placed."""
    lines = (orders.Line(SKU, "A mug", 1, PRICE),)
    mode = orders.Coordination.CHOREOGRAPHY
    order = orders.Order(ORDER, ADA, lines, orders.total_of(lines), "EUR", mode, "asked for")
    decision = orders.place(order)
    unheard = inventory.Reservation(ORDER), payments.Payment(ORDER), processor.Charge(str(ORDER))
    return publish(Saga(token, decision.order, *unheard), decision.facts)


def publish(saga: Saga, facts: tuple[Fact, ...]) -> Saga:
    """Send facts to their consumers. Letters are kept by way, so that only order that matters is kept."""
    sent = list(saga.letters)
    for fact in facts:
        if type(fact) in CONSUMERS:
            topic, consumers = CONSUMERS[type(fact)]
            sent += [Letter(topic, consumer, fact) for consumer in consumers]
    return replace(saga, letters=tuple(sorted(sent, key=lambda letter: (letter.topic, letter.consumer))))


def wishes(saga: Saga, stock: inventory.Stock) -> Iterator[Step]:
    """What nobody in the suite decides: the customer cancels, a hold runs out."""
    asked = orders.request_cancel(saga.order)
    if asked.order != saga.order:
        yield Step(CANCEL, publish(replace(saga, order=asked.order), asked.facts), stock)
    told = inventory.expire(saga.reservation, NOON + HOLD)
    if told.reservation != saga.reservation:
        yield Step(EXPIRY, *_kept(saga, stock, told))


def arrivals(saga: Saga, stock: inventory.Stock, *, inbox: bool) -> Iterator[Step]:
    """Every letter that can arrive now: in its turn, too early, or again."""
    ways: set[tuple[Service, Service]] = set()
    for place, letter in enumerate(saga.letters):
        way = (letter.topic, letter.consumer)
        if not letter.arrived:
            yield _arrival(saga, stock, place, Fault.REORDER if way in ways else None)
            ways.add(way)
        elif not inbox:
            again = _arrival(saga, stock, place, Fault.DUPLICATE)
            yield again
            yield replace(again, fault=Fault.CRASH)


def _arrival(saga: Saga, stock: inventory.Stock, place: int, fault: Fault | None) -> Step:
    letter = saga.letters[place]
    letters = (*saga.letters[:place], replace(letter, arrived=True), *saga.letters[place + 1 :])
    after, left, alarm = hear(replace(saga, letters=letters), stock, letter)
    said = f"{letter.consumer} hears {type(letter.fact).__name__}"
    return Step(f"{said} again" if letter.arrived else said, after, left, fault, alarm)


def hear(saga: Saga, stock: inventory.Stock, letter: Letter) -> tuple[Saga, inventory.Stock, bool]:
    """The consumer's reaction, and whether it was an alarm."""
    match letter.consumer:
        case Service.ORDERS:
            ended = _orders_hear(saga.order, letter.fact)
            after = saga if ended.alarm else publish(replace(saga, order=ended.order), ended.facts)
            return after, stock, ended.alarm
        case Service.INVENTORY:
            moved = _inventory_hears(saga, stock, letter.fact)
            return (saga, stock, True) if moved.alarm else (*_kept(saga, stock, moved), False)
        case Service.PAYMENTS:
            decided = _payments_hear(saga, letter.fact)
            after = saga if decided.alarm else publish(replace(saga, payment=decided.payment), decided.facts)
            return after, stock, decided.alarm


def terms_of(saga: Saga) -> payments.Terms:
    """What OrderPlaced tells payments."""
    order = saga.order
    return payments.Terms(order.customer_id, order.total, order.currency_code, saga.token)


def _orders_hear(order: orders.Order, fact: Fact) -> orders.Decision:
    match fact:
        case payments.PaymentProcessed():
            return orders.payment_processed(order)
        case inventory.StockReservationFailed():
            return orders.stock_reservation_failed(order, "OUT_OF_STOCK")
        case inventory.StockReleased():
            return orders.stock_released(order, fact.reason)
    raise AssertionError(f"orders does not consume {fact}")


def _inventory_hears(saga: Saga, stock: inventory.Stock, fact: Fact) -> inventory.Decision:
    match fact:
        case orders.OrderPlaced():
            lines = tuple(inventory.Line(line.sku, line.quantity) for line in saga.order.lines)
            return inventory.reserve(saga.reservation, lines, {SKU: stock}, NOON, HOLD)
        case payments.PaymentProcessed():
            return inventory.commit(saga.reservation)
        case payments.PaymentFailed():
            return inventory.release(saga.reservation, fact.reason)
    raise AssertionError(f"inventory does not consume {fact}")


def _payments_hear(saga: Saga, fact: Fact) -> payments.Decision:
    match fact:
        case orders.OrderPlaced():
            return payments.order_placed(saga.payment, terms_of(saga), NOON)
        case inventory.StockReserved():
            return payments.stock_reserved(saga.payment, NOON)
        case orders.OrderCancellationRequested():
            return payments.cancel(saga.payment, "CANCELLED_BY_CUSTOMER", NOON)
        case inventory.StockReservationExpired():
            return payments.cancel(saga.payment, "RESERVATION_EXPIRED", NOON)
    raise AssertionError(f"payments does not consume {fact}")


def _kept(saga: Saga, stock: inventory.Stock, decision: inventory.Decision) -> tuple[Saga, inventory.Stock]:
    for move in decision.moves:
        stock = replace(
            stock,
            on_hand=stock.on_hand + move.on_hand,
            reserved=stock.reserved + move.reserved,
            sold=stock.sold + move.sold,
        )
    return publish(replace(saga, reservation=decision.reservation), decision.facts), stock
