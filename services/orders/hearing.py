"""What the orders service does when an event tells it of an order: one transaction, with the event's mark."""

from dataclasses import dataclass
from uuid import UUID

import kit
from kit.errors import illegal_transition
from services.orders import domain
from services.orders.domain import AccessDenied, OrderUnknown, Told
from services.orders.usecases import UnitOfWork


@dataclass(frozen=True)
class HearOutcome:
    """An event tells how an order ends: paid, or (`reason`) why not, from the stock that says so."""

    order_id: UUID
    event_id: UUID
    told: Told
    reason: str = ""


async def hear_outcome(command: HearOutcome, uow: UnitOfWork) -> None:
    """Let the order's own state machine hear what another service has told."""
    async with uow.begin(command.event_id) as tx:
        try:
            order = await tx.order(command.order_id)
        except AccessDenied as error:
            raise OrderUnknown("there is no such order") from error
        decision = domain.hear(order, command.told, command.reason)
        if decision.alarm:
            raise illegal_transition(order.state)
        await tx.record(decision)
        kit.crashpoint("orders.before_outcome_commit")
    kit.crashpoint("orders.after_outcome_commit")


async def wake_sweeper(order_id: UUID, event_id: UUID, uow: UnitOfWork) -> None:
    """An order of the synchronous chain has held its stock for too long: whoever sweeps takes it over."""
    async with uow.begin(event_id) as tx:
        await tx.wake(order_id)
