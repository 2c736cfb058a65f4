"""The rules of an order: its price, its states, and what ends it.

Pure and total: every state answers every message; `docs/sagas.md` has the tables. Who brings the message (a
call, an event, a workflow) makes no difference here. The words that the rules speak in stand in `order.py`.
"""

from dataclasses import dataclass, replace
from typing import Any

from services.orders.order import (
    CUSTOMER,
    OPEN,
    PAID,
    AccessDenied,
    Approval,
    Coordination,
    CurrenciesDiffer,
    Fact,
    Flow,
    Line,
    Order,
    OrderApproved,
    OrderAwaitingApproval,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderNotAwaitingApproval,
    OrderNotCancellable,
    OrderPlaced,
    OrderShipped,
    OrderUnknown,
    Product,
    State,
    Told,
    Wait,
    is_final,
)

__all__ = [
    "CUSTOMER",
    "OPEN",
    "PAID",
    "AccessDenied",
    "Approval",
    "Coordination",
    "CurrenciesDiffer",
    "Decision",
    "Fact",
    "Flow",
    "Line",
    "Order",
    "OrderApproved",
    "OrderAwaitingApproval",
    "OrderCancellationRequested",
    "OrderCancelled",
    "OrderConfirmed",
    "OrderDelivered",
    "OrderNotAwaitingApproval",
    "OrderNotCancellable",
    "OrderPlaced",
    "OrderShipped",
    "OrderUnknown",
    "Product",
    "State",
    "Told",
    "Wait",
    "is_final",
]


@dataclass(frozen=True)
class Decision:
    """What follows from one message; `order.version` has grown if a client can see a change."""

    order: Order
    facts: tuple[Fact, ...] = ()
    refusal: Exception | None = None
    alarm: bool = False


def price(wanted: tuple[tuple[str, int], ...], products: dict[str, Product]) -> tuple[Line, ...]:
    """The lines of an order, (sku, quantity) each, at today's prices."""
    if len({products[sku].currency_code for sku, _ in wanted}) > 1:
        raise CurrenciesDiffer("the products are priced in different currencies; place an order for each")
    return tuple(Line(sku, products[sku].title, quantity, products[sku].price) for sku, quantity in wanted)


def total_of(lines: tuple[Line, ...]) -> int:
    """The sum of all lines in minor units."""
    return sum(line.quantity * line.unit_price for line in lines)


def needs_approval(order: Order, limit: int) -> bool:
    """Whether a person has to approve an order: one of the long flow whose total is above the limit."""
    return order.flow is Flow.FULFIL and order.total > limit


def place(order: Order) -> Decision:
    """A new order is pending."""
    return Decision(order, (OrderPlaced(order.order_id),))


def hear(order: Order, told: Told, reason: str) -> Decision:
    """Whatever the participants tell, by a call or by an event."""
    match told:
        case Told.STOCK_RESERVATION_FAILED:
            return stock_reservation_failed(order, reason)
        case Told.STOCK_RELEASED:
            return stock_released(order, reason)
    return _STEPS_FORWARD[told](order)


def payment_processed(order: Order) -> Decision:
    """The customer has paid."""
    if order.state in OPEN:
        return _to(State.CONFIRMED, order, OrderConfirmed(order.order_id), cancel_requested=False)
    return Decision(order, alarm=order.state is State.CANCELLED)


def stock_reservation_failed(order: Order, reason: str) -> Decision:
    """There was not enough stock; nothing is held and nothing was charged."""
    return _end(order, reason)


def stock_released(order: Order, reason: str) -> Decision:
    """The payment has failed and the stock is back, for the reason that came along."""
    return _end(order, reason)


def request_cancel(order: Order) -> Decision:
    """The customer asks to cancel: the payment will decide."""
    if order.state in PAID:
        return Decision(order, refusal=OrderNotCancellable(order))
    if order.state is State.CANCELLED or order.cancel_requested:
        return Decision(order)
    return _to(order.state, order, OrderCancellationRequested(order.order_id), cancel_requested=True)


def approval_needed(order: Order) -> Decision:
    """A person has to approve it; the wish to cancel stays."""
    if order.state is State.PENDING:
        return _to(State.AWAITING_APPROVAL, order, OrderAwaitingApproval(order.order_id))
    return Decision(order)


def approved(order: Order) -> Decision:
    """A person has approved it: it goes on."""
    if order.state is State.AWAITING_APPROVAL:
        return _to(State.PENDING, order, OrderApproved(order.order_id))
    return Decision(order)


def dispatched(order: Order) -> Decision:
    """The carrier has it."""
    if order.state is State.CONFIRMED:
        return _to(State.SHIPPED, order, OrderShipped(order.order_id))
    return Decision(order, alarm=order.state not in PAID)


def delivered(order: Order) -> Decision:
    """The customer has it."""
    if order.state is State.SHIPPED:
        return _to(State.DELIVERED, order, OrderDelivered(order.order_id))
    return Decision(order, alarm=order.state is not State.DELIVERED)


def _to(state: State, order: Order, fact: Fact, **changes: Any) -> Decision:
    """A new version of the order, made by one fact."""
    return Decision(replace(order, state=state, version=order.version + 1, **changes), (fact,))


def _end(order: Order, reason: str) -> Decision:
    if order.state in OPEN:
        fact = OrderCancelled(order.order_id, reason)
        return _to(State.CANCELLED, order, fact, reason=reason, cancel_requested=False)
    return Decision(order, alarm=order.state in PAID)


_STEPS_FORWARD = {
    Told.PAYMENT_PROCESSED: payment_processed,
    Told.APPROVAL_NEEDED: approval_needed,
    Told.APPROVED: approved,
    Told.DISPATCHED: dispatched,
    Told.DELIVERED: delivered,
}
