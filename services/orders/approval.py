"""What the orders service does when an operator approves or rejects an order."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.orders.domain import Coordination, Flow, Order, OrderNotAwaitingApproval
from services.orders.usecases import UnitOfWork, Viewer


@dataclass(frozen=True)
class Decide:
    """An operator approves or rejects an order."""

    request_id: UUID
    order_id: UUID
    viewer: Viewer
    approves: bool


class NotAsked(Exception):
    """The workflow asks nobody, or has ended."""


class Approvals(Protocol):
    """The workflows that wait for a person."""

    async def decide(self, order_id: UUID, request_id: UUID, by: UUID, *, approves: bool) -> None:
        """Tell the workflow, once per request; returns when it has acted on that. Raises NotAsked."""


async def decide(command: Decide, uow: UnitOfWork, approvals: Approvals) -> Order:
    """Tell the order's workflow, and say how the order stands then. Raises OrderNotAwaitingApproval."""
    order = await _read(command, uow)
    if order.coordination is not Coordination.ORCHESTRATION or order.flow is not Flow.FULFIL:
        raise OrderNotAwaitingApproval(order)
    try:
        await approvals.decide(
            command.order_id, command.request_id, command.viewer.user_id, approves=command.approves
        )
    except NotAsked as error:
        raise OrderNotAwaitingApproval(await _read(command, uow)) from error
    return await _read(command, uow)


async def _read(command: Decide, uow: UnitOfWork) -> Order:
    async with uow.statement() as tx:
        return await tx.visible(command.order_id, command.viewer)
