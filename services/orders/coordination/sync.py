"""The synchronous chain: reserve, charge, answer; commit of the stock and confirmation after the answer.

The caller waits for orders, inventory and payments, one call each. Until the intent to charge is
journalled the caller may give up; from there the chain runs shielded until its outcome is journalled.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from kit import call
from kit.background import Background
from kit.errors import Problem
from services.orders.changes import ChangeHub
from services.orders.coordination.driver import Driver, Run, outcome_of
from services.orders.coordination.store import Entry
from services.orders.domain import Order, State, Wait
from services.orders.outcome import Outcome, Overloaded, RequestInProgress, Verdict
from services.orders.store import OrdersTransaction, OrdersUnitOfWork
from services.orders.usecases import Transaction, Watch

ANSWER_SECONDS = 30.0
ANSWER_MARGIN = 0.1  # to say "still open" before the caller's deadline says it worse
FALLBACK_SECONDS = 1.0
ROOM_SECONDS = 2.0
"""How long a new order waits for others to end."""
SWEEP_BATCH = 20


class SyncCoordination:
    """Carries orders through by calling one participant after the other."""

    def __init__(
        self,
        uow: OrdersUnitOfWork,
        driver: Driver,
        background: Background,
        changes: ChangeHub,
        lease: float,
        most: int,
    ) -> None:
        self._uow = uow
        self._driver = driver
        self._background = background
        self._changes = changes
        self._lease = lease
        self._most = most
        self._begun: dict[UUID, tuple[Order, Entry]] = {}
        self._being_created = 0
        self._driven: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Orders that are too many at once would all be late, and none would be answered in time. A few wait
        for a moment, so that a burst is not refused.
        """
        try:
            async with asyncio.timeout(call.remaining(ROOM_SECONDS)):
                while self._being_created + len(self._driven) >= self._most:
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            raise Overloaded(self._most) from None
        self._being_created += 1
        try:
            yield
        finally:
            self._being_created -= 1
            self._ended.set()

    async def begin(self, order: Order, payment_token: str, tx: Transaction) -> None:
        """Open the journal, in the transaction that creates the order; `answer` drives it in this process."""
        assert isinstance(tx, OrdersTransaction)  # noqa: S101 - the wiring gives both the same store
        entry = await tx.journal.open(order.order_id, payment_token, self._lease)
        tx.after_commit.append(lambda: self._begun.update({order.order_id: (order, entry)}))

    async def cancel(self, order: Order, tx: Transaction) -> None:
        """Nothing to write: `answer` and every driver act on the order's own `cancel_requested`."""

    async def answer(self, order_id: UUID, wait: Wait) -> Outcome:
        """Drive the order if it began here, pass on a wish to cancel, else wait for whoever drives it."""
        begun = self._begun.pop(order_id, None)
        run = Run() if begun is not None else None
        with self._changes.watching(order_id) as watch:
            if begun is not None and run is not None:
                driving = self._background.spawn(self._driver.begin(*begun, run), f"drive {order_id}")
                self._driven.add(driving)
                driving.add_done_callback(self._is_driven)
            else:
                await self._pass_on_cancel(order_id)
            try:
                return await self._outcome(order_id, run, watch, wait)
            except Problem as problem:  # our own database is away: the order exists, its outcome is open
                raise RequestInProgress(order_id) from problem
            except asyncio.CancelledError:
                if run is not None:
                    run.give_up()
                raise

    def _is_driven(self, driving: asyncio.Task[None]) -> None:
        self._driven.discard(driving)
        self._ended.set()

    async def sweep(self) -> None:
        """Take over the orders whose driver has died, or has postponed them."""
        async with self._uow.statement() as tx:
            entries = await tx.journal.take(SWEEP_BATCH, self._lease)
        await asyncio.gather(*(self._driver.take_over(entry) for entry in entries))

    async def _pass_on_cancel(self, order_id: UUID) -> None:
        order, _ = await self._driver.read(order_id)
        if order.cancel_requested and order.state is State.PENDING:
            self._background.spawn(self._driver.cancel(order_id), f"cancel {order_id}")

    async def _outcome(self, order_id: UUID, run: Run | None, watch: Watch, wait: Wait) -> Outcome:
        """The outcome as soon as it is certain, or how it stands when the caller's time is nearly over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + call.remaining(ANSWER_SECONDS) - ANSWER_MARGIN
        while True:
            outcome = await self._look(order_id, run)
            if outcome is not None and _settled(outcome, wait):
                break
            left = until - loop.time()
            if left <= 0:
                outcome = outcome or await self._look(order_id, None)
                break
            await watch.changed(min(left, FALLBACK_SECONDS))
        assert outcome is not None  # noqa: S101 - without a run, _look always knows
        if outcome.verdict is Verdict.RETRY:
            async with self._uow.statement() as tx:
                await tx.free(order_id)
        return outcome

    async def _look(self, order_id: UUID, run: Run | None) -> Outcome | None:
        """What is known now; the driver of this process needs no reading."""
        if run is not None and run.driving:
            return run.outcome
        return outcome_of(*await self._driver.read(order_id))


def _settled(outcome: Outcome, wait: Wait) -> bool:
    """The answer can be given: its verdict is certain, and its state final if the caller wants that."""
    return outcome.verdict is not Verdict.OPEN and (outcome.order.is_final or wait is not Wait.FINAL)
