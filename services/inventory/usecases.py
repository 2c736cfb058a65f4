"""What the inventory service does when it is asked: load, decide, record, in one transaction."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import kit
from kit.errors import illegal_transition
from kit.logs import log
from kit.requests import RequestKey
from services.inventory import domain
from services.inventory.domain import Decision, Line, Reservation, Stock

EXPIRE_AT_ONCE = 50


@dataclass(frozen=True)
class ReserveStock:
    """Hold these lines for this order; `event_id` if an event says so, and no call."""

    order_id: UUID
    lines: tuple[Line, ...]
    coordination: str
    event_id: UUID | None = None
    hold: timedelta | None = None  # how long it may be open; the service's own time if None


@dataclass(frozen=True)
class ReleaseStock:
    """Give this order's stock back, for this reason."""

    order_id: UUID
    reason: str
    coordination: str
    event_id: UUID | None = None


@dataclass(frozen=True)
class CommitStock:
    """Sell this order's stock."""

    order_id: UUID
    coordination: str
    event_id: UUID | None = None


@dataclass(frozen=True)
class Restock:
    """Add this many of one product."""

    key: RequestKey
    sku: str
    quantity: int


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def reservation(self, order_id: UUID, coordination: str) -> tuple[Reservation, datetime]:
        """The order's reservation, locked, and the database's time."""

    async def overdue(self, limit: int) -> list[UUID]:
        """Orders whose hold is overdue, which nobody has been told yet."""

    async def stock(self, skus: list[str]) -> Mapping[str, Stock]:
        """The stock of these products, locked in the order of their skus."""

    async def record(self, decision: Decision) -> None:
        """Write what was decided."""

    async def add_stock(self, key: RequestKey, sku: str, quantity: int) -> Stock:
        """Add stock, unless this request did so before."""

    async def read_stock(self, sku: str) -> Stock:
        """The stock of one product; raises ProductNotFound."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self, event_id: UUID | None = None) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well; raises AlreadyApplied for an event that had
        its effect before.
        """

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""


async def reserve_stock(command: ReserveStock, uow: UnitOfWork, hold: timedelta) -> Decision:
    """Hold all lines of an order or none."""
    async with uow.begin(command.event_id) as tx:
        reservation, now = await tx.reservation(command.order_id, command.coordination)
        stock = await tx.stock([line.sku for line in command.lines])
        decision = domain.reserve(reservation, command.lines, stock, now, command.hold or hold)
        await tx.record(_sound(decision, command.event_id))
        kit.crashpoint("inventory.before_commit")
    kit.crashpoint("inventory.after_commit")
    return decision


async def release_stock(command: ReleaseStock, uow: UnitOfWork) -> Decision:
    """Give an order's stock back."""
    async with uow.begin(command.event_id) as tx:
        reservation, _ = await tx.reservation(command.order_id, command.coordination)
        decision = domain.release(reservation, command.reason)
        await tx.record(_sound(decision, command.event_id))
    return decision


async def commit_stock(command: CommitStock, uow: UnitOfWork) -> Decision:
    """Mark an order's stock as sold."""
    async with uow.begin(command.event_id) as tx:
        reservation, _ = await tx.reservation(command.order_id, command.coordination)
        decision = domain.commit(reservation)
        await tx.record(_sound(decision, command.event_id))
    return decision


async def tell_expiries(uow: UnitOfWork) -> None:
    """Say of each overdue hold once that it is; the stock stays held."""
    async with uow.statement() as tx:
        overdue = await tx.overdue(EXPIRE_AT_ONCE)
    for order_id in overdue:
        async with uow.begin() as tx:
            reservation, now = await tx.reservation(order_id, "")
            await tx.record(domain.expire(reservation, now))


async def restock(command: Restock, uow: UnitOfWork) -> Stock:
    """Add stock of one product, once a request."""
    async with uow.begin() as tx:
        return await tx.add_stock(command.key, command.sku, command.quantity)


async def get_stock(sku: str, uow: UnitOfWork) -> Stock:
    """Read the stock of one product."""
    async with uow.statement() as tx:
        return await tx.read_stock(sku)


def _sound(decision: Decision, event_id: UUID | None) -> Decision:
    """What must never happen is reported; an event that brings it about is undone and set aside."""
    if decision.alarm:
        reservation = decision.reservation
        log().error("alarm", order_id=str(reservation.order_id), state=reservation.state)
        if event_id is not None:
            raise illegal_transition(reservation.state)
    return decision
