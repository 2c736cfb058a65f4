"""The orchestrated saga: a workflow commands the participants, this service among them.

The order and the row that says "start its workflow" are one transaction. The handler sends the row first, the
sweeper repeats it until Temporal has it; so it is with a wish to cancel.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from uuid import UUID

import kit
from kit import call, telemetry
from kit.background import Background
from kit.errors import Problem
from kit.logs import log
from services.orders import domain
from services.orders.coordination.workflows import STAGES, StartRefused, Workflows
from services.orders.domain import Order, Wait
from services.orders.outcome import Outcome, RequestInProgress, standing
from services.orders.store import OrdersTransaction, OrdersUnitOfWork
from services.orders.usecases import Transaction

ANSWER_SECONDS = 30.0
ANSWER_MARGIN = 0.3  # to answer how it stands before the caller's deadline says it worse
SWEEP_BATCH = 50
CANCEL = "cancel"


class Orchestration:
    """Lets workflows carry orders through."""

    def __init__(self, uow: OrdersUnitOfWork, workflows: Workflows, background: Background) -> None:
        self._uow = uow
        self._workflows = workflows
        self._background = background
        self._begun: dict[UUID, Order] = {}  # placed here, not answered yet

    def admit(self) -> AbstractAsyncContextManager[None]:
        """There is always room: what is too much waits in Temporal's queue."""
        return nullcontext()

    async def begin(self, order: Order, payment_token: str, tx: Transaction) -> None:
        """Write that its workflow is to be started; `answer` does that first."""
        own = _own(tx)
        await own.orchestrations.add(order.order_id, payment_token)
        own.after_commit.append(lambda: self._begun.update({order.order_id: order}))

    async def cancel(self, order: Order, tx: Transaction) -> None:
        """Let the workflow hear it, as long as it can make a difference."""
        if order.state not in domain.OPEN:
            return
        self._begun.pop(order.order_id, None)  # it is not as it was begun any more
        await self.hear(order.order_id, CANCEL, domain.CUSTOMER, tx)

    async def hear(self, order_id: UUID, signal: str, reason: str, tx: Transaction) -> None:
        """Write what the workflow is to hear, and tell it after the commit."""
        own = _own(tx)
        await own.orchestrations.add_signal(order_id, signal, reason)

        def tell() -> None:
            self._background.spawn(self._tell(order_id), "signal")

        own.after_commit.append(tell)

    async def answer(self, order_id: UUID, wait: Wait) -> Outcome:
        """Start the workflow; at once, or when it has come as far as the caller waits for."""
        try:
            begun = self._begun.pop(order_id, None)
            if begun is not None and wait in STAGES:  # it is read when the wait is over
                order, traceparent = begun, telemetry.traceparent()
            else:
                order, traceparent = await self._read(order_id)
            if order.state in domain.OPEN:
                order = await self._carry_on(order, traceparent, wait)
        except Problem as problem:  # our own database is away: the order exists all the same
            raise RequestInProgress(order_id) from problem
        return standing(order, waits=wait in STAGES)

    async def _read(self, order_id: UUID) -> tuple[Order, str]:
        async with self._uow.statement() as tx:
            order = await tx.order(order_id, lock=False)
            return order, await tx.orchestrations.traceparent(order_id)

    async def sweep(self) -> None:
        """Start and tell what was left behind, by a crash or by Temporal being away."""
        async with self._uow.statement() as tx:
            to_start = await tx.orchestrations.to_start(SWEEP_BATCH)
            to_signal = await tx.orchestrations.to_signal(SWEEP_BATCH)
        await asyncio.gather(*(self._start_again(order_id) for order_id in to_start))
        await asyncio.gather(*(self._tell(order_id) for order_id in to_signal))

    async def _carry_on(self, order: Order, traceparent: str, wait: Wait) -> Order:
        """The order as it is when the wait is over, for whatever reason."""
        if wait not in STAGES:
            self._background.spawn(self._start(order, traceparent), "start workflow")
            return order
        try:
            async with asyncio.timeout(_left()):  # the SDK goes on longer where no server listens
                if order.cancel_requested:  # an update that starts it cannot bring the wish along
                    await self._workflows.start(order, traceparent)
                await self._workflows.start_and_wait(order, traceparent, wait, _left())
            kit.crashpoint("orders.after_workflow_start")
            self._background.spawn(self._started(order.order_id), "mark started")
        except (Problem, StartRefused, TimeoutError) as problem:
            log().warning("workflow_waits", order_id=str(order.order_id), detail=str(problem))
        async with self._uow.statement() as tx:
            return await tx.order(order.order_id, lock=False)

    async def _start_again(self, order_id: UUID) -> None:
        order, traceparent = await self._read(order_id)
        telemetry.accept({"traceparent": traceparent})
        await self._start(order, traceparent)

    async def _start(self, order: Order, traceparent: str) -> None:
        """Start it and note that; one that Temporal will never take is set aside, for a person to look at."""
        try:
            await self._workflows.start(order, traceparent)
        except StartRefused as error:
            log().error("alarm", order_id=str(order.order_id), detail=str(error))
            async with self._uow.statement() as tx:
                await tx.orchestrations.refused(order.order_id, str(error))
            return
        except Problem as problem:
            log().warning("workflow_waits", order_id=str(order.order_id), detail=str(problem))
            return
        kit.crashpoint("orders.after_workflow_start")
        await self._started(order.order_id)

    async def _started(self, order_id: UUID) -> None:
        async with self._uow.statement() as tx:
            await tx.orchestrations.started(order_id)

    async def _tell(self, order_id: UUID) -> None:
        """Give its workflow what it has not heard; a repeat changes nothing there."""
        async with self._uow.statement() as tx:
            signals = await tx.orchestrations.signals(order_id)
            started = await tx.orchestrations.has_started(order_id)
        for signal_id, signal, reason in signals:
            try:
                heard = await self._workflows.tell(order_id, signal, reason)
            except (Problem, StartRefused) as problem:
                log().warning("signal_waits", order_id=str(order_id), detail=str(problem))
                return
            if not heard and not started:
                return  # there is none yet that could hear it; the sweeper comes back when there is
            kit.crashpoint("orders.after_signal")
            async with self._uow.statement() as tx:
                await tx.orchestrations.signal_sent(signal_id)


def _left() -> float:
    """What there is of the caller's time, less what answering takes."""
    return max(0.1, call.remaining(ANSWER_SECONDS) - ANSWER_MARGIN)


def _own(tx: Transaction) -> OrdersTransaction:
    assert isinstance(tx, OrdersTransaction)  # noqa: S101 - the wiring gives both the same store
    return tx
