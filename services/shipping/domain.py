"""The rules of a shipment: what it does when it is to be booked, dispatched, cancelled, or has arrived.

Pure and total: every state answers every message; `docs/sagas.md` has the table. A decision says the
new state, which facts are true from then on, and what the asker is told.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

MAX_PIECES = 500
"""What the simulated carrier takes in one shipment."""


class State(StrEnum):
    """Where a shipment stands."""

    NONE = "NONE"
    BOOKED = "BOOKED"
    IN_TRANSIT = "IN_TRANSIT"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"
    REFUSED = "REFUSED"


@dataclass(frozen=True)
class Line:
    """A number of one product."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class Parcel:
    """What is to be brought to whom."""

    customer_id: UUID
    lines: tuple[Line, ...]

    @property
    def pieces(self) -> int:
        """How many pieces the carrier would have to take."""
        return sum(line.quantity for line in self.lines)

    def same_as(self, other: "Parcel") -> bool:
        """Whether it is the same, in whatever order its lines are named."""
        return self.customer_id == other.customer_id and set(self.lines) == set(other.lines)


@dataclass(frozen=True)
class Shipment:
    """The one shipment of one order; without a parcel it is a tombstone, or nothing is heard of it yet."""

    order_id: UUID
    state: State = State.NONE
    parcel: Parcel | None = None
    reason: str = ""
    dispatch_time: datetime | None = None
    deliver_time: datetime | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None


@dataclass(frozen=True)
class ShipmentBooked:
    """The carrier will take the shipment."""

    order_id: UUID


@dataclass(frozen=True)
class ShipmentCancelled:
    """Nothing is shipped for the order, and nothing will be."""

    order_id: UUID
    reason: str


@dataclass(frozen=True)
class ShipmentDelivered:
    """The shipment has arrived."""

    order_id: UUID


Fact = ShipmentBooked | ShipmentCancelled | ShipmentDelivered


class ShipmentRefused(Exception):
    """The carrier does not take the shipment."""

    kind, reason = "refused", "SHIPMENT_REFUSED"

    def __init__(self, parcel: Parcel) -> None:
        super().__init__(f"the carrier takes at most {MAX_PIECES} pieces in one shipment; order less at once")
        self.details = {"pieces": str(parcel.pieces), "max_pieces": str(MAX_PIECES)}


class ShipmentNotBooked(Exception):
    """There is nothing to hand over to the carrier."""

    kind, reason = "refused", "SHIPMENT_NOT_BOOKED"


class CancelCameFirst(Exception):
    """The shipment is cancelled: this order is never shipped."""

    kind, reason = "refused", "SHIPMENT_CANCELLED"

    def __init__(self, shipment: Shipment) -> None:
        super().__init__("the shipment was cancelled before")
        self.details = {"cancel_reason": shipment.reason}


class ShipmentOnItsWay(Exception):
    """The cancel came too late: the carrier has taken the shipment over."""

    kind, reason = "refused", "SHIPMENT_ON_ITS_WAY"

    def __init__(self, shipment: Shipment) -> None:
        super().__init__("the shipment is on its way or has arrived, and cannot be cancelled any more")
        self.details = {"state": str(shipment.state)}


class ParcelDiffers(Exception):
    """The order was booked with other lines, or for somebody else."""

    kind, reason = "invalid", "REQUEST_ID_MISMATCH"


@dataclass(frozen=True)
class Decision:
    """What follows from one message."""

    shipment: Shipment
    facts: tuple[Fact, ...] = ()
    refusal: Exception | None = None

    def answer(self) -> Shipment:
        """The shipment, or the refusal raised."""
        if self.refusal is not None:
            raise self.refusal
        return self.shipment


def book(shipment: Shipment, parcel: Parcel, now: datetime) -> Decision:
    """Book once an order; a repeat gets the answer of the first; a cancelled one is never booked."""
    if shipment.state is State.CANCELLED:
        return Decision(shipment, refusal=CancelCameFirst(shipment))
    if shipment.parcel is not None and not shipment.parcel.same_as(parcel):
        return Decision(shipment, refusal=ParcelDiffers("the order was booked with other lines before"))
    if shipment.state is State.REFUSED:
        return Decision(shipment, refusal=ShipmentRefused(parcel))
    if shipment.state is not State.NONE:
        return Decision(shipment)
    asked = replace(shipment, parcel=parcel, update_time=now)
    if parcel.pieces > MAX_PIECES:
        return Decision(replace(asked, state=State.REFUSED), refusal=ShipmentRefused(parcel))
    return Decision(replace(asked, state=State.BOOKED), (ShipmentBooked(shipment.order_id),))


def dispatch(shipment: Shipment, now: datetime, delivery: timedelta) -> Decision:
    """Hand a booked shipment over to the carrier, once."""
    match shipment.state:
        case State.BOOKED:
            taken = replace(shipment, state=State.IN_TRANSIT, dispatch_time=now, update_time=now)
            return Decision(replace(taken, deliver_time=now + delivery))
        case State.NONE:
            return Decision(shipment, refusal=ShipmentNotBooked("the shipment is not booked; book it first"))
        case State.CANCELLED:
            return Decision(shipment, refusal=CancelCameFirst(shipment))
        case State.REFUSED if shipment.parcel is not None:
            return Decision(shipment, refusal=ShipmentRefused(shipment.parcel))
    return Decision(shipment)


def cancel(shipment: Shipment, reason: str, now: datetime) -> Decision:
    """Cancel what is booked; an order that is not booked yet never will be (a tombstone)."""
    match shipment.state:
        case State.NONE | State.BOOKED:
            cancelled = replace(shipment, state=State.CANCELLED, reason=reason, update_time=now)
            return Decision(cancelled, (ShipmentCancelled(shipment.order_id, reason),))
        case State.IN_TRANSIT | State.DELIVERED:
            return Decision(shipment, refusal=ShipmentOnItsWay(shipment))
    return Decision(shipment)


def arrive(shipment: Shipment, now: datetime) -> Decision:
    """What the carrier has had for long enough has arrived."""
    due = shipment.deliver_time is not None and shipment.deliver_time <= now
    if shipment.state is not State.IN_TRANSIT or not due:
        return Decision(shipment)
    delivered = replace(shipment, state=State.DELIVERED, update_time=now)
    return Decision(delivered, (ShipmentDelivered(shipment.order_id),))
