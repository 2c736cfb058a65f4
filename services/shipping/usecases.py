"""What the shipping service does when it is asked: load, decide, record, in one transaction."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import kit
from kit import call
from services.shipping import domain
from services.shipping.domain import Decision, Parcel, Shipment

ARRIVE_AT_ONCE = 50

Rule = Callable[[Shipment, datetime], Decision]


@dataclass(frozen=True)
class BookShipment:
    """Have this brought for this order."""

    order_id: UUID
    parcel: Parcel
    coordination: str


@dataclass(frozen=True)
class DispatchShipment:
    """Hand the shipment of this order over to the carrier."""

    order_id: UUID
    coordination: str


@dataclass(frozen=True)
class CancelShipment:
    """Ship nothing for this order, for this reason."""

    order_id: UUID
    reason: str
    coordination: str


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def shipment(self, order_id: UUID, coordination: str) -> tuple[Shipment, datetime]:
        """The order's shipment, locked, and the database's time."""

    async def due(self, limit: int) -> list[UUID]:
        """Orders whose shipment has been with the carrier for long enough."""

    async def record(self, decision: Decision) -> None:
        """Write what was decided."""

    async def read_shipment(self, order_id: UUID, customer_id: UUID | None) -> Shipment:
        """The shipment of an order of this customer, or of anybody's; raises ACCESS_DENIED."""

    async def read_shipments(self, order_ids: Sequence[UUID], customer_id: UUID | None) -> Sequence[Shipment]:
        """The shipments of those of these orders that are this customer's, or anybody's."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well."""

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""


async def book_shipment(command: BookShipment, uow: UnitOfWork) -> Shipment:
    """Book the carrier for all lines of an order."""

    def rule(shipment: Shipment, now: datetime) -> Decision:
        return domain.book(shipment, command.parcel, now)

    return await _decided("book", command, rule, uow)


async def dispatch_shipment(command: DispatchShipment, uow: UnitOfWork, delivery: timedelta) -> Shipment:
    """Hand a booked shipment over to the carrier."""

    def rule(shipment: Shipment, now: datetime) -> Decision:
        return domain.dispatch(shipment, now, delivery)

    return await _decided("dispatch", command, rule, uow)


async def cancel_shipment(command: CancelShipment, uow: UnitOfWork) -> Shipment:
    """Cancel a booking, or the one that may still come."""

    def rule(shipment: Shipment, now: datetime) -> Decision:
        return domain.cancel(shipment, command.reason, now)

    return await _decided("cancel", command, rule, uow)


async def _decided(
    step: str, command: BookShipment | DispatchShipment | CancelShipment, rule: Rule, uow: UnitOfWork
) -> Shipment:
    """A refusal is written too: the carrier's no is as final as its yes."""
    async with uow.begin() as tx:
        shipment, now = await tx.shipment(command.order_id, command.coordination)
        decision = rule(shipment, now)
        await tx.record(decision)
        kit.crashpoint("shipping.before_commit")
        kit.crashpoint(f"shipping.before_{step}_commit")
    kit.crashpoint("shipping.after_commit")
    kit.crashpoint(f"shipping.after_{step}_commit")
    return decision.answer()


async def tell_arrivals(uow: UnitOfWork) -> None:
    """Say of each shipment once that it has arrived."""
    async with uow.statement() as tx:
        due = await tx.due(ARRIVE_AT_ONCE)
    for order_id in due:
        async with uow.begin() as tx:
            shipment, now = await tx.shipment(order_id, "")
            await tx.record(domain.arrive(shipment, now))


async def get_shipment(order_id: UUID, caller: call.Caller, uow: UnitOfWork) -> Shipment:
    """Read the shipment of one of the caller's orders; of any for an operator."""
    async with uow.statement() as tx:
        return await tx.read_shipment(order_id, None if caller.is_operator else caller.user_id)


async def batch_get_shipments(
    order_ids: Sequence[UUID], caller: call.Caller, uow: UnitOfWork
) -> Sequence[Shipment]:
    """Read the shipments of those of the orders that the caller may see and that have one."""
    async with uow.statement() as tx:
        return await tx.read_shipments(order_ids, None if caller.is_operator else caller.user_id)
