"""What an order is, what can be true of it, and what an asker may be refused: the words of the rules.

The rules themselves are in `domain.py`, which is where everybody imports these words from.
"""

from dataclasses import dataclass
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


def is_final(state: State, flow: Flow) -> bool:
    """Whether an order in this state is at its end; a paid one of the long flow is still to be delivered."""
    ends = (State.DELIVERED, State.CANCELLED) if flow is Flow.FULFIL else (State.CONFIRMED, State.CANCELLED)
    return state in ends


@dataclass(frozen=True)
class Approval:
    """When a person has to approve: a total above so many minor units; and how long that may take."""

    limit: int
    timeout: timedelta
