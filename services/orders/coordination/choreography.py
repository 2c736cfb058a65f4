"""The choreographed saga: the order is recorded with the event that it exists, and the participants go on.

Nothing is driven from here. What becomes of the order comes as events (`services/orders/consumer.py`).
"""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from uuid import UUID

from kit import call
from kit.errors import Problem
from services.orders.changes import ChangeHub, Watch
from services.orders.domain import Order, Wait
from services.orders.outcome import Outcome, RequestInProgress, standing
from services.orders.store import OrdersUnitOfWork
from services.orders.usecases import Transaction

ANSWER_SECONDS = 30.0
ANSWER_MARGIN = 0.2  # to answer how it stands before the caller's deadline says it worse
FALLBACK_SECONDS = 1.0


class Choreography:
    """Lets the events carry orders through."""

    def __init__(self, uow: OrdersUnitOfWork, changes: ChangeHub) -> None:
        self._uow = uow
        self._changes = changes

    def admit(self) -> AbstractAsyncContextManager[None]:
        """There is always room: what is too much waits in Kafka."""
        return nullcontext()

    async def begin(self, order: Order, payment_token: str, tx: Transaction) -> None:
        """Nothing to add: OrderPlaced is written with the order itself, and holds the token."""

    async def cancel(self, order: Order, tx: Transaction) -> None:
        """Nothing to add: OrderCancellationRequested is written with the order's change."""

    async def answer(self, order_id: UUID, wait: Wait) -> Outcome:
        """At once, or when the order has come to its end, or how it stands when the time is nearly over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + call.remaining(ANSWER_SECONDS) - ANSWER_MARGIN
        waits = wait in (Wait.STOCK_RESERVED, Wait.FINAL)
        with self._changes.watching(order_id) as watch:
            try:
                order = await self._read(order_id)
                while waits and not order.is_final and loop.time() < until:
                    await _changed(watch, until - loop.time())
                    order = await self._read(order_id)
            except Problem as problem:  # our own database is away: the order exists all the same
                raise RequestInProgress(order_id) from problem
        return standing(order, waits=waits)

    async def _read(self, order_id: UUID) -> Order:
        async with self._uow.statement() as tx:
            return await tx.order(order_id, lock=False)


async def _changed(watch: Watch, seconds: float) -> None:
    await watch.changed(min(seconds, FALLBACK_SECONDS))
