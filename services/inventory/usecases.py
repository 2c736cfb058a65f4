"""What the inventory service does when it is asked: load, decide, record, in one transaction."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import kit
from kit.logs import log
from kit.requests import RequestKey
from services.inventory import domain
from services.inventory.domain import Decision, Line, Reservation, Stock


@dataclass(frozen=True)
class ReserveStock:
    """Hold these lines for this order."""

    order_id: UUID
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Restock:
    """Add this many of one product."""

    key: RequestKey
    sku: str
    quantity: int


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def reservation(self, order_id: UUID) -> tuple[Reservation, datetime]:
        """The order's reservation, locked, and the database's time."""

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

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well."""


async def reserve_stock(command: ReserveStock, uow: UnitOfWork, hold: timedelta) -> Reservation:
    """Hold all lines of an order or none."""
    async with uow.begin() as tx:
        reservation, now = await tx.reservation(command.order_id)
        stock = await tx.stock([line.sku for line in command.lines])
        decision = domain.reserve(reservation, command.lines, stock, now, hold)
        await tx.record(decision)
        kit.crashpoint("inventory.before_commit")
    kit.crashpoint("inventory.after_commit")
    return _told(decision)


async def release_stock(order_id: UUID, uow: UnitOfWork) -> Reservation:
    """Give an order's stock back."""
    async with uow.begin() as tx:
        reservation, _ = await tx.reservation(order_id)
        decision = domain.release(reservation)
        await tx.record(decision)
    return _told(decision)


async def commit_stock(order_id: UUID, uow: UnitOfWork) -> Reservation:
    """Mark an order's stock as sold."""
    async with uow.begin() as tx:
        reservation, _ = await tx.reservation(order_id)
        decision = domain.commit(reservation)
        await tx.record(decision)
    return _told(decision)


async def restock(command: Restock, uow: UnitOfWork) -> Stock:
    """Add stock of one product, once a request."""
    async with uow.begin() as tx:
        return await tx.add_stock(command.key, command.sku, command.quantity)


async def get_stock(sku: str, uow: UnitOfWork) -> Stock:
    """Read the stock of one product."""
    async with uow.begin() as tx:
        return await tx.read_stock(sku)


def _told(decision: Decision) -> Reservation:
    if decision.alarm:
        reservation = decision.reservation
        log().error("alarm", order_id=str(reservation.order_id), state=reservation.state)
    return decision.answer()
