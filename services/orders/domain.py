"""The rules of an order: its price, its states, and what ends it.

Pure and total: every state answers every message; `docs/sagas.md` has the table. Who brings the message
(a call, an event, a workflow) makes no difference here.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class State(StrEnum):
    """Where an order stands."""

    PENDING = "PENDING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    CONFIRMED = "CONFIRMED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


OPEN = (State.PENDING, State.AWAITING_APPROVAL)
"""It is not decided yet whether the order is paid."""
PAID = (State.CONFIRMED, State.SHIPPED, State.DELIVERED)
CUSTOMER = "CANCELLED_BY_CUSTOMER"
"""The reason of a cancellation that the customer has asked for."""


class Coordination(StrEnum):
    """Who carries an order through its steps."""

    SYNC = "SYNC"
    CHOREOGRAPHY = "CHOREOGRAPHY"
    ORCHESTRATION = "ORCHESTRATION"


class Flow(StrEnum):
    """Which steps an order has."""

    STANDARD = "STANDARD"
    FULFIL = "FULFIL"


class Wait(StrEnum):
    """What the caller of PlaceOrder waits for."""

    UNSPECIFIED = "UNSPECIFIED"
    ACCEPTED = "ACCEPTED"
    STOCK_RESERVED = "STOCK_RESERVED"
    FINAL = "FINAL"


class Told(StrEnum):
    """What the participants tell an order of its end."""

    PAYMENT_PROCESSED = "PaymentProcessed"
    STOCK_RESERVATION_FAILED = "StockReservationFailed"
    STOCK_RELEASED = "StockReleased"
    APPROVAL_NEEDED = "ApprovalNeeded"
    APPROVED = "Approved"
    DISPATCHED = "Dispatched"
    DELIVERED = "Delivered"


@dataclass(frozen=True)
class Line:
    """One product of an order, at the price of its day in minor units."""

    sku: str
    title: str
    quantity: int
    unit_price: int


@dataclass(frozen=True)
class Product:
    """What an order needs to know of a product; the price is in minor units."""

    sku: str
    title: str
    price: int
    currency_code: str


@dataclass(frozen=True)
class Order:
    """One order; amounts are minor units of its currency."""

    order_id: UUID
    customer_id: UUID
    lines: tuple[Line, ...]
    total: int
    currency_code: str
    coordination: Coordination
    coordination_reason: str
    flow: Flow = Flow.STANDARD
    state: State = State.PENDING
    version: int = 1
    reason: str = ""
    cancel_requested: bool = False
    create_time: datetime | None = None
    update_time: datetime | None = None

    @property
    def is_final(self) -> bool:
        """Whether it is at its end."""
        return is_final(self.state, self.flow)


@dataclass(frozen=True)
class OrderPlaced:
    """The order exists."""

    order_id: UUID


@dataclass(frozen=True)
class OrderCancellationRequested:
    """The customer wants it cancelled; the payment decides."""

    order_id: UUID


@dataclass(frozen=True)
class OrderConfirmed:
    """The order is paid."""

    order_id: UUID


@dataclass(frozen=True)
class OrderCancelled:
    """The order is not paid, and nothing is held for it."""

    order_id: UUID
    reason: str


@dataclass(frozen=True)
class OrderAwaitingApproval:
    """A person has to approve it."""

    order_id: UUID


@dataclass(frozen=True)
class OrderApproved:
    """A person has approved it."""

    order_id: UUID


@dataclass(frozen=True)
class OrderShipped:
    """It is with the carrier."""

    order_id: UUID


@dataclass(frozen=True)
class OrderDelivered:
    """It is with the customer."""

    order_id: UUID


Fact = (
    OrderPlaced
    | OrderCancellationRequested
    | OrderConfirmed
    | OrderCancelled
    | OrderAwaitingApproval
    | OrderApproved
    | OrderShipped
    | OrderDelivered
)


class OrderNotCancellable(Exception):
    """It is paid: from here on a return is a new process."""

    kind, reason = "refused", "ORDER_NOT_CANCELLABLE"

    def __init__(self, order: Order) -> None:
        super().__init__("the order is paid and cannot be cancelled any more")
        self.details = {"order_id": str(order.order_id), "state": order.state.value}


class AccessDenied(Exception):
    """The order does not exist or belongs to somebody else; both look the same."""

    kind, reason = "denied", "ACCESS_DENIED"

    def __init__(self) -> None:
        super().__init__("no such order, or it is not yours")


class OrderUnknown(Exception):
    """An event tells of an order that was never placed: it is recorded before anybody hears of it."""

    kind, reason = "missing", "ORDER_UNKNOWN"


class OrderNotAwaitingApproval(Exception):
    """Nobody is asked about this order: it needs no approval, or has it, or is at its end."""

    kind, reason = "refused", "ORDER_NOT_AWAITING_APPROVAL"

    def __init__(self, order: Order) -> None:
        super().__init__("the order does not wait for approval")
        self.details = {"order_id": str(order.order_id), "state": order.state.value}


class CurrenciesDiffer(Exception):
    """An order has one currency."""

    kind, reason, field = "invalid", "MONEY_INVALID", "lines"


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


def is_final(state: State, flow: Flow) -> bool:
    """Whether an order in this state is at its end; a paid one of the long flow is still to be delivered."""
    ends = (State.DELIVERED, State.CANCELLED) if flow is Flow.FULFIL else (State.CONFIRMED, State.CANCELLED)
    return state in ends


@dataclass(frozen=True)
class Approval:
    """When a person has to approve: a total above so many minor units; and how long that may take."""

    limit: int
    timeout: timedelta


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
    requested = replace(order, cancel_requested=True, version=order.version + 1)
    return Decision(requested, (OrderCancellationRequested(order.order_id),))


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


def _to(state: State, order: Order, fact: Fact, *, cancel_requested: bool | None = None) -> Decision:
    wish = order.cancel_requested if cancel_requested is None else cancel_requested
    changed = replace(order, state=state, version=order.version + 1, cancel_requested=wish)
    return Decision(changed, (fact,))


def _end(order: Order, reason: str) -> Decision:
    if order.state in OPEN:
        ended = replace(
            order, state=State.CANCELLED, reason=reason, version=order.version + 1, cancel_requested=False
        )
        return Decision(ended, (OrderCancelled(order.order_id, reason),))
    return Decision(order, alarm=order.state in PAID)


_STEPS_FORWARD = {
    Told.PAYMENT_PROCESSED: payment_processed,
    Told.APPROVAL_NEEDED: approval_needed,
    Told.APPROVED: approved,
    Told.DISPATCHED: dispatched,
    Told.DELIVERED: delivered,
}
