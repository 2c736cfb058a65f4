"""What the orders service does for those who follow an order."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from services.orders import domain
from services.orders.usecases import Status, UnitOfWork, Viewer, Watch

FALLBACK_SECONDS = 1.0
"""How soon a watcher sees a change that another instance of this service has made."""


class Changes(Protocol):
    """Wakes those who watch an order."""

    def watching(self, order_id: UUID) -> AbstractContextManager[Watch]:
        """Watch an order for the length of a block."""


async def watch_order(
    order_id: UUID, after_version: int, viewer: Viewer, uow: UnitOfWork, changes: Changes
) -> AsyncIterator[Status]:
    """The history after a version, then each change as it happens, until a final state."""
    async with uow.statement() as tx:
        order = await tx.visible(order_id, viewer)
    seen = after_version
    final = order.is_final and seen >= order.version
    with changes.watching(order_id) as watch:
        while not final:
            async with uow.statement() as tx:
                news = await tx.history(order_id, seen)
            for status in news:
                yield status
                seen, final = status.version, domain.is_final(status.state, order.flow)
            if not final:
                await watch.changed(FALLBACK_SECONDS)
