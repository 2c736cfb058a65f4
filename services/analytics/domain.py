"""The rules of the sales read model: what one event changes for its order, and what all orders add up to.

Events of one order come in the order of their versions, those of different orders in any: an event touches
nothing but its own order, and sums are made when they are read. So the same events give the same sums.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID


class State(StrEnum):
    """Where an order stands."""

    NONE = "NONE"
    PLACED = "PLACED"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


class Told(StrEnum):
    """What an event can tell of an order."""

    PLACED = "PLACED"
    CANCELLATION_REQUESTED = "CANCELLATION_REQUESTED"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    APPROVED = "APPROVED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"


@dataclass(frozen=True)
class Line:
    """A number of one product, and what they cost together in minor units."""

    sku: str
    quantity: int
    amount: int


@dataclass(frozen=True)
class Heard:
    """One event of an order; lines and their currency only when it was placed."""

    told: Told
    version: int
    time: datetime
    lines: tuple[Line, ...] = ()
    currency_code: str = ""


@dataclass(frozen=True)
class Sale:
    """What is known of one order; `version` is that of the last event which had its effect."""

    order_id: UUID
    version: int = 0
    state: State = State.NONE
    currency_code: str = ""
    place_time: datetime | None = None
    confirm_time: datetime | None = None


@dataclass(frozen=True)
class Change:
    """What follows from one event: the order, and lines that were not known before."""

    sale: Sale
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Amount:
    """Money in minor units."""

    minor: int
    currency_code: str


@dataclass(frozen=True)
class ProductHour:
    """The sales of one product in one hour; `waited` is the sum of the times from placed to confirmed."""

    sku: str
    hour: datetime
    orders: int
    confirmed: int
    cancelled: int
    quantity: int
    revenue: tuple[Amount, ...]
    waited: timedelta

    @property
    def time_to_confirm(self) -> timedelta | None:
        """The mean time from placed to confirmed; None while nothing is confirmed."""
        return self.waited / self.confirmed if self.confirmed else None


@dataclass(frozen=True)
class Counts:
    """How many orders there are, and how many events had their effect on them."""

    events: int
    orders: int
    confirmed: int
    cancelled: int


@dataclass(frozen=True)
class Totals:
    """The sums over everything."""

    counts: Counts
    revenue: tuple[Amount, ...]
    digest: str


class VersionGap(Exception):
    """An event between this one and the last one of its order is missing."""

    kind, reason = "refused", "VERSION_GAP"


class IllegalTransition(Exception):
    """What an order that stands like this can never be told."""

    kind, reason = "refused", "ILLEGAL_TRANSITION"


def is_next(sale: Sale, version: int) -> bool:
    """Whether an event is the next one of its order; False if it was overtaken. Raises VersionGap."""
    if version > sale.version + 1:
        raise VersionGap(f"version {version} of an order of which {sale.version} is the last one heard")
    return version > sale.version


def hear(sale: Sale, heard: Heard) -> Change:
    """What the next event of an order changes. Raises IllegalTransition."""
    known = replace(sale, version=heard.version)
    match sale.state, heard.told:
        case State.NONE, Told.PLACED:
            placed = replace(
                known, state=State.PLACED, currency_code=heard.currency_code, place_time=heard.time
            )
            return Change(placed, _one_a_product(heard.lines))
        case State.PLACED, Told.CANCELLATION_REQUESTED | Told.AWAITING_APPROVAL | Told.APPROVED:
            return Change(known)
        case State.CONFIRMED, Told.SHIPPED | Told.DELIVERED:
            return Change(known)
        case State.PLACED, Told.CONFIRMED:
            return Change(replace(known, state=State.CONFIRMED, confirm_time=heard.time))
        case State.PLACED, Told.CANCELLED:
            return Change(replace(known, state=State.CANCELLED))
    raise IllegalTransition(f"an order that is {sale.state} was told {heard.told}")


def _one_a_product(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Two lines of the same product count as one."""
    found: dict[str, Line] = {}
    for line in lines:
        before = found.get(line.sku, Line(line.sku, 0, 0))
        found[line.sku] = Line(line.sku, before.quantity + line.quantity, before.amount + line.amount)
    return tuple(found.values())


def hour_of(time: datetime) -> datetime:
    """The beginning of the hour, UTC."""
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def total(counts: Counts, hours: Sequence[ProductHour]) -> Totals:
    """The sums over all products and hours, and the digest of the whole."""
    revenue: dict[str, int] = {}
    for amount in (amount for found in hours for amount in found.revenue):
        revenue[amount.currency_code] = revenue.get(amount.currency_code, 0) + amount.minor
    amounts = tuple(Amount(minor, code) for code, minor in sorted(revenue.items()))
    return Totals(counts, amounts, _digest(counts, hours))


def _digest(counts: Counts, hours: Iterable[ProductHour]) -> str:
    """SHA-256 over the counts and every product and hour, in a fixed order."""
    found = hashlib.sha256(
        _line(counts.events, counts.orders, counts.confirmed, counts.cancelled),
    )
    for row in sorted(hours, key=lambda row: (row.hour, row.sku)):
        revenue = sorted([amount.currency_code, amount.minor] for amount in row.revenue)
        numbers = (row.orders, row.confirmed, row.cancelled, row.quantity, row.waited // MICROSECOND)
        found.update(_line(row.hour.isoformat(), row.sku, *numbers, revenue))
    return found.hexdigest()


MICROSECOND = timedelta(microseconds=1)


def _line(*values: object) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"
