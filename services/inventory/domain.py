"""The rules of stock: what a reservation does when it is asked to reserve, release, commit or expire.

Pure and total: every state answers every message; `docs/sagas.md` has the table. A decision says the
new state, how the stock moves, which facts are true from then on, and what the asker is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class State(StrEnum):
    """Where a reservation stands."""

    NONE = "NONE"
    PAID = "PAID"
    RESERVED = "RESERVED"
    FAILED = "FAILED"
    RELEASED = "RELEASED"
    COMMITTED = "COMMITTED"


@dataclass(frozen=True)
class Line:
    """A number of one product."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class Short:
    """A product of which there was not enough: how many were wanted, how many were left."""

    sku: str
    wanted: int
    left: int


@dataclass(frozen=True)
class Stock:
    """What there is of one product."""

    sku: str
    on_hand: int
    reserved: int = 0
    sold: int = 0


@dataclass(frozen=True)
class Reservation:
    """The stock held for one order."""

    order_id: UUID
    state: State = State.NONE
    lines: tuple[Line, ...] = ()
    expire_time: datetime | None = None
    expiry_told: bool = False
    short: tuple[Short, ...] = ()


@dataclass(frozen=True)
class Move:
    """How the stock of one product changes; the three always add up to zero."""

    sku: str
    on_hand: int
    reserved: int
    sold: int


@dataclass(frozen=True)
class StockReserved:
    """All lines of the order are held."""

    order_id: UUID


@dataclass(frozen=True)
class StockReservationFailed:
    """Nothing is held: there is not enough of these."""

    order_id: UUID
    short: tuple[Short, ...]


@dataclass(frozen=True)
class StockReservationExpired:
    """The hold is overdue; it stays until the payment's outcome is known."""

    order_id: UUID


@dataclass(frozen=True)
class StockCommitted:
    """The held stock is sold."""

    order_id: UUID


@dataclass(frozen=True)
class StockReleased:
    """Nothing is held any more, and nothing will be; why, as far as it is known."""

    order_id: UUID
    reason: str


Fact = StockReserved | StockReservationFailed | StockReservationExpired | StockCommitted | StockReleased


class OutOfStock(Exception):
    """There is not enough of something."""

    kind, reason = "refused", "OUT_OF_STOCK"

    def __init__(self, short: tuple[Short, ...]) -> None:
        said = ", ".join(f"{item.sku} (wanted {item.wanted}, left {item.left})" for item in short)
        super().__init__(f"not enough stock of {said}; order less or other products")
        self.details = {
            "skus": ",".join(item.sku for item in short),
            "wanted": ",".join(str(item.wanted) for item in short),
            "left": ",".join(str(item.left) for item in short),
        }


class ReservationReleased(Exception):
    """The release came first: this order can hold nothing any more."""

    kind, reason = "refused", "RESERVATION_RELEASED"


class StockAlreadySold(Exception):
    """The release came after the sale."""

    kind, reason = "refused", "STOCK_ALREADY_SOLD"


class LinesDiffer(Exception):
    """The order was reserved with other lines."""

    kind, reason = "invalid", "REQUEST_ID_MISMATCH"


class ProductNotFound(Exception):
    """There is no stock record of this product."""

    kind, reason = "missing", "PRODUCT_NOT_FOUND"


@dataclass(frozen=True)
class Decision:
    """What follows from one message."""

    reservation: Reservation
    moves: tuple[Move, ...] = ()
    facts: tuple[Fact, ...] = ()
    refusal: Exception | None = None
    alarm: bool = False

    def answer(self) -> Reservation:
        """The reservation, or the refusal raised."""
        if self.refusal is not None:
            raise self.refusal
        return self.reservation


def reserve(
    reservation: Reservation,
    lines: tuple[Line, ...],
    stock: Mapping[str, Stock],
    now: datetime,
    hold: timedelta,
) -> Decision:
    """All lines or none; a repeated call repeats the answer; a released order takes nothing."""
    if reservation.state is State.RELEASED:
        return Decision(reservation, refusal=ReservationReleased("the order's stock was released before"))
    if reservation.lines and set(reservation.lines) != set(lines):
        return Decision(reservation, refusal=LinesDiffer("the order was reserved with other lines"))
    if reservation.state is State.FAILED:
        return Decision(reservation, refusal=OutOfStock(reservation.short))
    if reservation.state in (State.RESERVED, State.COMMITTED):
        return Decision(reservation)
    return _reserve_first(reservation, lines, stock, now + hold)


def _reserve_first(
    reservation: Reservation, lines: tuple[Line, ...], stock: Mapping[str, Stock], expire_time: datetime
) -> Decision:
    """The lines are heard for the first time: hold them, or sell them at once if they are paid for."""
    order_id, paid = reservation.order_id, reservation.state is State.PAID
    empty = Stock("", on_hand=0)
    asked = (Short(line.sku, line.quantity, stock.get(line.sku, empty).on_hand) for line in lines)
    short = tuple(item for item in asked if item.left < item.wanted)
    if short:
        failed = replace(reservation, state=State.FAILED, lines=lines, short=short)
        fact = StockReservationFailed(order_id, short)
        return Decision(failed, facts=(fact,), refusal=OutOfStock(short), alarm=paid)
    if paid:
        sold = replace(reservation, state=State.COMMITTED, lines=lines)
        moves = tuple(Move(line.sku, -line.quantity, 0, line.quantity) for line in lines)
        return Decision(sold, moves, (StockReserved(order_id), StockCommitted(order_id)))
    held = replace(reservation, state=State.RESERVED, lines=lines, expire_time=expire_time)
    moves = tuple(Move(line.sku, -line.quantity, line.quantity, 0) for line in lines)
    return Decision(held, moves, (StockReserved(order_id),))


def release(reservation: Reservation, reason: str) -> Decision:
    """Give back what is held; an order that holds nothing yet never will (a tombstone)."""
    match reservation.state:
        case State.NONE:
            released = replace(reservation, state=State.RELEASED)
            return Decision(released, facts=(StockReleased(reservation.order_id, reason),))
        case State.RESERVED:
            released = replace(reservation, state=State.RELEASED)
            moves = tuple(Move(line.sku, line.quantity, -line.quantity, 0) for line in reservation.lines)
            return Decision(released, moves, (StockReleased(reservation.order_id, reason),))
        case State.PAID | State.COMMITTED:
            refusal = StockAlreadySold("the order's stock is sold")
            return Decision(reservation, refusal=refusal, alarm=True)
    return Decision(reservation)


def commit(reservation: Reservation) -> Decision:
    """Sell what is held; if the reservation is not known yet, remember that it is paid for."""
    match reservation.state:
        case State.NONE:
            return Decision(replace(reservation, state=State.PAID))
        case State.RESERVED:
            sold = replace(reservation, state=State.COMMITTED)
            moves = tuple(Move(line.sku, 0, -line.quantity, line.quantity) for line in reservation.lines)
            return Decision(sold, moves, (StockCommitted(reservation.order_id),))
        case State.RELEASED:
            refusal = ReservationReleased("the order's stock was released before")
            return Decision(reservation, refusal=refusal, alarm=True)
        case State.FAILED:
            return Decision(reservation, refusal=OutOfStock(reservation.short), alarm=True)
    return Decision(reservation)


def expire(reservation: Reservation, now: datetime) -> Decision:
    """Say once that a hold is overdue; only the payment's outcome ends it."""
    due = reservation.expire_time is not None and reservation.expire_time <= now
    if reservation.state is not State.RESERVED or not due or reservation.expiry_told:
        return Decision(reservation)
    told = replace(reservation, expiry_told=True)
    return Decision(told, facts=(StockReservationExpired(reservation.order_id),))
