"""Brings every open payment to its recorded end, whoever stops waiting and whatever crashes.

The processor is outside the database: its answer is asked for between two transactions, always with the
order's own key, so that asking again is safe. An outcome that is not known is never guessed. It is asked
for again, here and then by the sweeper; after a cancel the key is killed instead. A charge, an
authorisation and its capture or its void go the same way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol
from uuid import UUID

import kit
from kit import call
from kit.background import Background
from kit.channels import Refused
from kit.errors import Problem
from kit.logs import log
from services.payments import domain
from services.payments.domain import Answer, Decision, Payment, State
from services.payments.usecases import UnitOfWork

RUN_SECONDS = 4.5
"""How long one run tries; shorter than the store's lease, after which the sweeper takes over."""
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between two attempts of one run."""
SWEEP_AT_ONCE = 20


Ask = Callable[[Payment], Awaitable[Answer]]


class Processor(Protocol):
    """What a settlement needs of the card processor. Each may raise a Problem: nothing is known then."""

    async def charge(self, payment: Payment) -> Answer:
        """Charge once a key; a repeat gets the first answer."""

    async def authorize(self, payment: Payment) -> Answer:
        """Set money aside once a key; a repeat gets the first answer."""

    async def capture(self, payment: Payment) -> Answer:
        """Move what is set aside, once; a repeat gets the first answer."""

    async def void(self, payment: Payment) -> Answer:
        """Kill the key, and free what is set aside; APPROVED says that it is too late for that."""

    async def refund(self, payment: Payment) -> Answer:
        """Pay back once."""


class Settlement:
    """Runs of open payments, at most one an order and state in this process."""

    def __init__(self, uow: UnitOfWork, processor: Processor, background: Background) -> None:
        self._uow = uow
        self._processor = processor
        self._background = background
        self._runs: dict[tuple[UUID, State], asyncio.Task[Payment]] = {}
        self._unmarked: dict[UUID, set[UUID]] = {}  # events that wait for the outcome of their order

    async def outcome(self, payment: Payment, seconds: float) -> Payment:
        """What becomes of an open payment within so many seconds; it goes on whoever stops waiting."""
        return await _waited(self._run(payment, PAUSES), payment, seconds)

    async def outcome_of_event(self, payment: Payment, seconds: float, event_id: UUID) -> None:
        """The same for an event that has brought the charge about: it is marked with the outcome, or when the
        time is over, for then the sweeper sees to it.
        """
        unmarked = self._unmarked.setdefault(payment.order_id, set())
        unmarked.add(event_id)
        try:
            await _waited(self._run(payment, PAUSES), payment, seconds)
            if event_id in unmarked:
                async with self._uow.begin() as tx:
                    await tx.mark(event_id)
        finally:
            unmarked.discard(event_id)
            if not unmarked:
                self._unmarked.pop(payment.order_id, None)

    async def under_way(self, payment: Payment, seconds: float) -> Payment:
        """The same, only if somebody here is at it already."""
        run = self._runs.get((payment.order_id, payment.state))
        return payment if run is None else await _waited(run, payment, seconds)

    async def sweep(self) -> None:
        """One attempt for each open payment that a crash or a processor that is away left alone."""
        async with self._uow.statement() as tx:
            payments = await tx.take_overdue(SWEEP_AT_ONCE)
        if payments:
            await asyncio.wait([self._run(payment, ()) for payment in payments])

    def _run(self, payment: Payment, pauses: tuple[float, ...]) -> asyncio.Task[Payment]:
        """The run of this order and state, begun if there is none."""
        place = (payment.order_id, payment.state)
        if place not in self._runs:
            run = self._background.spawn(self._settle(payment, iter(pauses)), "settle")
            self._runs[place] = run
            run.add_done_callback(lambda _: self._runs.pop(place))
        return self._runs[place]

    async def _settle(self, payment: Payment, pauses: Iterator[float]) -> Payment:
        """Try until the end is recorded or the pauses are used up."""
        call.set_deadline(RUN_SECONDS)  # the caller's own may be shorter, and does not bind us
        while True:
            try:
                return await self._attempt(payment)
            except Problem as problem:
                _report(payment, problem)
            pause = next(pauses, None)
            if pause is None or call.remaining(RUN_SECONDS) <= pause:
                return payment
            await asyncio.sleep(pause)
            payment = await self._reloaded(payment)  # a cancel may have come in between

    async def _attempt(self, payment: Payment) -> Payment:
        """Ask the processor and write down what it said; then have voided what a cancel was too late for."""
        while payment.is_open:
            before, payment = payment, await self._asked_once(payment)
            if payment.state is before.state:  # a contradiction, which the next sweep may find solved
                break
        return payment

    async def _asked_once(self, payment: Payment) -> Payment:
        step, ask = self._next(payment)
        answer = await ask(payment)
        kit.crashpoint("payments.after_processor_call")
        kit.crashpoint(f"payments.after_{step}_call")
        decision = await self._record(payment.order_id, answer)
        if decision.refund_first:
            refunded = await self._processor.refund(payment)
            kit.crashpoint("payments.after_refund")
            decision = await self._record(payment.order_id, refunded)
        kit.crashpoint("payments.after_transaction_2")
        kit.crashpoint(f"payments.after_{step}_recorded")
        return decision.payment

    def _next(self, payment: Payment) -> tuple[str, Ask]:
        """What an open payment asks the processor for: after a cancel, only that nothing stays set aside."""
        if payment.cancel_requested:
            return "void", self._processor.void
        if payment.state is State.AUTHORIZING:
            return "authorize", self._processor.authorize
        if payment.state is State.CAPTURING:
            return "capture", self._processor.capture
        return "charge", self._processor.charge

    async def _record(self, order_id: UUID, answer: Answer) -> Decision:
        unmarked = self._unmarked.get(order_id, set())
        events = tuple(unmarked)
        async with self._uow.begin() as tx:
            payment, now = await tx.payment(order_id, "")
            decision = domain.processor_answered(payment, answer, now)
            if not decision.refund_first:
                await tx.record(decision)
                for event_id in events:
                    await tx.mark(event_id)
        if not decision.refund_first:
            unmarked.difference_update(events)
        if decision.alarm:
            log().error("alarm", order_id=str(order_id), detail=str(decision.refusal))
        return decision

    async def _reloaded(self, payment: Payment) -> Payment:
        try:
            async with self._uow.begin() as tx:
                return (await tx.payment(payment.order_id, ""))[0]
        except Problem:  # the database is away: go on with what we know, the record checks it again
            return payment


async def _waited(run: "asyncio.Task[Payment]", payment: Payment, seconds: float) -> Payment:
    """What the run has made of the payment; `asyncio.wait` leaves the run alone when we are cancelled."""
    done, _ = await asyncio.wait({run}, timeout=max(0.0, seconds))
    settled = run.result() if done else payment
    return payment if settled.is_open else settled


def _report(payment: Payment, problem: Problem) -> None:
    """A processor that refuses what it must answer needs a person; one that is away needs patience."""
    say = log().error if isinstance(problem, Refused) else log().warning
    name = "alarm" if isinstance(problem, Refused) else "charge_open"
    say(name, order_id=str(payment.order_id), state=payment.state, reason=problem.reason)
