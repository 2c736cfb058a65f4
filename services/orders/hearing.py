"""What the orders service does when an event, or a workflow, tells it of an order: one transaction."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import kit
from kit.errors import illegal_transition
from services.orders import domain
from services.orders.domain import AccessDenied, Order, OrderUnknown, Told
from services.orders.usecases import Transaction, UnitOfWork


@dataclass(frozen=True)
class HearOutcome:
    """How an order ends: paid, or (`reason`) why not. `event_id` if an event tells it, and no workflow."""

    order_id: UUID
    event_id: UUID | None
    told: Told
    reason: str = ""


@dataclass(frozen=True)
class TellWorkflow:
    """An event tells what an order's workflow waits for: `cancel` for a reason, or `delivered`."""

    order_id: UUID
    event_id: UUID
    signal: str
    reason: str = ""


class Orchestrating(Protocol):
    """The mode that carries orders by workflows."""

    async def hear(self, order_id: UUID, signal: str, reason: str, tx: Transaction) -> None:
        """Something has happened that the order's workflow is to hear."""


async def hear_outcome(command: HearOutcome, uow: UnitOfWork) -> Order:
    """Let the order's own state machine hear what another service has told."""
    async with uow.begin(command.event_id) as tx:
        try:
            order = await tx.order(command.order_id)
        except AccessDenied as error:
            raise OrderUnknown("there is no such order") from error
        decision = domain.hear(order, command.told, command.reason)
        if decision.alarm:
            raise illegal_transition(order.state)
        order = await tx.record(decision)
        kit.crashpoint("orders.before_outcome_commit")
    kit.crashpoint("orders.after_outcome_commit")
    return order


async def wake_sweeper(order_id: UUID, event_id: UUID, uow: UnitOfWork) -> None:
    """An order of the synchronous chain has held its stock for too long: whoever sweeps takes it over."""
    async with uow.begin(event_id) as tx:
        await tx.wake(order_id)


async def tell_workflow(command: TellWorkflow, uow: UnitOfWork, mode: Orchestrating) -> None:
    """Pass it on to the workflow, in the transaction of the event's mark."""
    async with uow.begin(command.event_id) as tx:
        await mode.hear(command.order_id, command.signal, command.reason, tx)


async def payment_token(order_id: UUID, uow: UnitOfWork) -> str:
    """The means of payment of an orchestrated order; raises OrderUnknown."""
    async with uow.statement() as tx:
        found = await tx.payment_token(order_id)
    if found is None:
        raise OrderUnknown("there is no such orchestrated order")
    return found
