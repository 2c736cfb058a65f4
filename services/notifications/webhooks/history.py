"""What an account is told of its orders: each fact once, in the order's own order. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

STATES = {
    "OrderPlaced": "PENDING",
    "OrderCancellationRequested": "",
    "OrderConfirmed": "CONFIRMED",
    "OrderCancelled": "CANCELLED",
    "OrderAwaitingApproval": "AWAITING_APPROVAL",
    "OrderApproved": "PENDING",
    "OrderShipped": "SHIPPED",
    "OrderDelivered": "DELIVERED",
}
"""The facts of an order, and the state that each leaves it in; empty: the one it had."""
EVENT_TYPES = {
    "OrderPlaced": "order.placed",
    "OrderCancellationRequested": "order.cancellation_requested",
    "OrderConfirmed": "order.confirmed",
    "OrderCancelled": "order.cancelled",
    "OrderAwaitingApproval": "order.awaiting_approval",
    "OrderApproved": "order.approved",
    "OrderShipped": "order.shipped",
    "OrderDelivered": "order.delivered",
}
"""What each fact is called in a webhook."""


class EventTypeUnknown(Exception):
    """Nothing of that name ever happens."""

    kind, reason = "invalid", "WEBHOOK_EVENT_TYPE_UNKNOWN"
    field = "event_types"


class VersionGap(Exception):
    """An event of the order between this one and the last one is missing."""

    kind, reason = "refused", "VERSION_GAP"


@dataclass(frozen=True)
class Order:
    """What is known of an order: whose it is, and where its history stands."""

    order_id: UUID
    customer_id: UUID
    version: int
    state: str


@dataclass(frozen=True)
class Fact:
    """Something that has happened to an order; `customer_id` in the first one only."""

    event_id: UUID
    order_id: UUID
    version: int
    name: str
    time: datetime
    reason: str = ""
    customer_id: UUID | None = None


def check_event_types(event_types: tuple[str, ...]) -> None:
    """Raises EventTypeUnknown for a name that is none."""
    unknown = sorted(set(event_types) - set(EVENT_TYPES.values()))
    if unknown:
        known = ", ".join(EVENT_TYPES.values())
        raise EventTypeUnknown(f"event_types: {len(unknown)} of them are none of {known}")


def hear(order: Order | None, fact: Fact) -> Order | None:
    """The order after a fact. None: nothing to tell, as it was heard before or its beginning never was."""
    if order is None:
        if fact.customer_id is None:
            return None
        return Order(fact.order_id, fact.customer_id, fact.version, STATES[fact.name])
    if fact.version <= order.version:
        return None
    if fact.version != order.version + 1:
        raise VersionGap("an earlier event of the order is missing")
    return replace(order, version=fact.version, state=STATES[fact.name] or order.state)
