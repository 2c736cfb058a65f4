"""Drives one order of the synchronous chain, step after step; `journal.py` says which.

Every step is journalled before it is done. Whoever wrote the journal last drives the order: the handler,
a customer's cancel, or after a crash the sweeper. A driver whose compare-and-set fails has been overtaken.
"""

import asyncio
from dataclasses import replace
from uuid import UUID

import kit
from kit import call
from kit.channels import Unanswered
from kit.errors import Problem
from kit.logs import log
from services.orders import domain
from services.orders.changes import ChangeHub
from services.orders.coordination import journal
from services.orders.coordination.journal import Heard, Message, Step
from services.orders.coordination.participants import Participants
from services.orders.coordination.store import Entry
from services.orders.domain import Order, State, Told
from services.orders.outcome import Outcome, Verdict
from services.orders.store import OrdersTransaction, OrdersUnitOfWork

SAGA_SECONDS = 60.0
MAX_BACKOFF = 15.0


class Overtaken(Exception):
    """Somebody else has written this order's journal: they drive it now."""


class NotYet(Exception):
    """The step has been asked for and is promised; look again later."""


class Run:
    """One order that a handler drives while its caller waits."""

    def __init__(self) -> None:
        self.driving = True
        self.gone = False
        self.outcome: Outcome | None = None
        self.reserving: asyncio.Task[Message] | None = None

    def give_up(self) -> None:
        """The caller has gone: stop what can be stopped. After the intent to charge that is nothing."""
        self.gone = True
        if self.reserving is not None:
            self.reserving.cancel()


def outcome_of(order: Order, entry: Entry) -> Outcome:
    """What an order and its journal say together."""
    confirmed = order.state is State.CONFIRMED
    verdict = journal.verdict(entry.step, entry.reason, confirmed=confirmed)
    return Outcome(order, verdict, entry.reason, entry.details)


class Driver:
    """Does the steps and writes the journal."""

    def __init__(
        self, uow: OrdersUnitOfWork, participants: Participants, changes: ChangeHub, lease: float
    ) -> None:
        self._uow = uow
        self._participants = participants
        self._changes = changes
        self._lease = lease

    async def begin(self, order: Order, entry: Entry, run: Run) -> None:
        """Drive a new order for a caller who waits."""
        try:
            await self.drive(order, entry, run)
        finally:
            run.driving = False
            self._changes.tell(order.order_id)

    async def take_over(self, entry: Entry) -> None:
        """Drive an order whose driver has died, or has postponed it."""
        order, _ = await self.read(entry.order_id)
        await self.drive(order, entry, None)

    async def cancel(self, order_id: UUID) -> None:
        """Ask the payment on behalf of the customer, write its decision whatever the step, and drive on."""
        message = await self._participants.cancel_payment(order_id, domain.CUSTOMER)
        while True:
            order, entry = await self.read(order_id)
            if journal.after(entry.step, message.heard).step is entry.step:
                return  # whoever drives the order knows already
            try:
                order, entry = await self._write(order, entry, message, None)
            except Overtaken:
                continue
            await self.drive(order, entry, None)
            return

    async def read(self, order_id: UUID) -> tuple[Order, Entry]:
        """How the order and its journal stand. The journal is read first, so that what it says is done shows
        at the order: the other way round, one that is paid in between looks as if it never will be.
        """
        async with self._uow.statement() as tx:
            entry = await tx.journal.read(order_id)
            return await tx.order(order_id, lock=False), entry

    async def drive(self, order: Order, entry: Entry, run: Run | None) -> None:
        """One step after the other, until the order is done, somebody overtakes, or a participant is away."""
        try:
            while entry.step is not Step.DONE:
                message = await self._do(order, entry, run)
                order, entry = await self._write(order, entry, message, run)
        except Overtaken:
            return
        except (NotYet, Problem) as error:
            cause = getattr(error, "details", {}).get("cause", str(error))
            say = log().error if cause == "INTERNAL" else log().warning  # a bug there, not an outage
            say("step_postponed", order_id=str(entry.order_id), step=entry.step, cause=cause)
            async with self._uow.statement() as tx:
                await tx.journal.postpone(entry, min(MAX_BACKOFF, 0.5 * 2**entry.attempts))

    async def _do(self, order: Order, entry: Entry, run: Run | None) -> Message:
        """Do what the journal says is next; raises a Problem when it is to be tried again later.

        Only the reservation is done in the caller's time: the charge runs to its outcome, and an undo
        with what is left of a caller who has given up would be asked for in no time at all.
        """
        if entry.step is not Step.RESERVE:
            call.set_deadline(None)
        match entry.step:
            case Step.RESERVE:
                return await self._reserve(order, run)
            case Step.CHARGE:
                return await self._charge(order, entry, run)
            case Step.GIVE_UP | Step.VOID:
                message = await self._participants.cancel_payment(order.order_id, entry.reason)
                if message.heard is Heard.CANCEL_PROMISED and entry.step is Step.VOID:
                    raise NotYet("the cancel of the payment is promised")
            case Step.RELEASE:
                message = await self._participants.release(order.order_id, entry.reason)
            case _:
                message = await self._participants.finish(order)
        kit.crashpoint(f"orders.after_{entry.step.lower()}_call")
        return message

    async def _reserve(self, order: Order, run: Run | None) -> Message:
        """Only while the caller waits: an order that was interrupted here is undone."""
        if run is None or run.gone:
            return Message(Heard.INTERRUPTED, "INTERRUPTED")
        run.reserving = asyncio.create_task(self._participants.reserve(order))
        try:
            message = await run.reserving
        except asyncio.CancelledError:
            if not run.gone:
                raise
            return Message(Heard.INTERRUPTED, "CALLER_GAVE_UP")
        kit.crashpoint("orders.after_reserve_call")
        in_time = call.remaining(cap=1.0) > 0 or message.heard is not Heard.RESERVE_OPEN
        return message if in_time and not run.gone else Message(Heard.INTERRUPTED, "CALLER_GAVE_UP")

    async def _charge(self, order: Order, entry: Entry, run: Run | None) -> Message:
        """Charge; what stays open is given up, and the payment decides."""
        if order.cancel_requested:
            return Message(Heard.CHARGE_OPEN, domain.CUSTOMER)
        if run is None and entry.age > SAGA_SECONDS:
            return Message(Heard.CHARGE_OPEN, "TIMED_OUT")
        try:
            message = await self._participants.charge(order, entry.payment_token)
        except Unanswered as error:
            where = {"dependency": "payments"}
            if error.sent:
                return Message(Heard.CHARGE_OPEN, "PAYMENTS_UNAVAILABLE", where)
            if run is not None:  # the first try: nobody can have sent this charge
                return Message(Heard.CHARGE_UNSENT, "PAYMENTS_UNAVAILABLE", where)
            raise
        kit.crashpoint("orders.after_charge_call")
        return message

    async def _write(
        self, order: Order, entry: Entry, message: Message, run: Run | None
    ) -> tuple[Order, Entry]:
        """Journal the next step by compare-and-set, with what it means for the order, in one transaction."""
        async with self._uow.begin() as tx:
            following = journal.after(entry.step, message.heard)
            if following.step is not Step.DONE or following.tell is not None:
                order = await tx.order(entry.order_id)
            if following.step is Step.CHARGE and order.cancel_requested:
                message = Message(Heard.INTERRUPTED, domain.CUSTOMER)
                following = journal.after(entry.step, message.heard)
            to = replace(
                entry,
                step=following.step,
                reason=entry.reason or message.reason,
                details=entry.details or message.details,
            )
            if not await tx.journal.write(entry, to, self._lease):
                raise Overtaken
            if following.tell is not None:
                order = await _tell(tx, order, following.tell, to.reason)
            outcome = outcome_of(order, to)
            if outcome.verdict is Verdict.RETRY and run is not None and not run.gone:
                await tx.free(order.order_id)
        if following.alarm:
            log().error("alarm", order_id=str(order.order_id), step=entry.step, heard=message.heard)
        if run is not None:
            run.outcome = outcome
        self._changes.tell(order.order_id)
        kit.crashpoint(f"orders.journal_{to.step.lower()}")
        return order, replace(to, version=entry.version + 1, attempts=0)


async def _tell(tx: OrdersTransaction, order: Order, told: Told, reason: str) -> Order:
    """Let the order's own state machine hear it."""
    decision = domain.hear(order, told, reason)
    if decision.alarm:
        log().error("alarm", order_id=str(order.order_id), state=order.state, heard=told)
    return await tx.record(decision)
