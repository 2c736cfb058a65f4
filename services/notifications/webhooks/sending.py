"""Brings recorded deliveries to their endpoints, any number of instances side by side.

An attempt is leased in the database. A process that dies leaves its lease to end, and another one tries
again: a message comes at least once, under one id. What is recorded is said under the lease only.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta

import kit
from kit.background import Background
from kit.errors import Problem
from kit.logs import log
from services.notifications.webhooks import domain
from services.notifications.webhooks.domain import Outcome, Policy
from services.notifications.webhooks.usecases import Attempt, UnitOfWork
from services.notifications.webhooks.verification import Poster

AT_ONCE = 32


@dataclass(frozen=True)
class Pace:
    """How long one attempt may take, and how long it is nobody else's: more, for its result is recorded."""

    attempt_seconds: float
    lease: timedelta


class Sending:
    """Tries what is due."""

    def __init__(
        self, uow: UnitOfWork, poster: Poster, policy: Policy, pace: Pace, background: Background
    ) -> None:
        self._uow = uow
        self._poster = poster
        self._policy = policy
        self._pace = pace
        self._background = background
        self._running = 0
        self._taking = asyncio.Lock()

    async def sweep(self) -> None:
        """Begin an attempt for each delivery that is due, as many as there is room for."""
        async with self._taking:
            room = AT_ONCE - self._running
            if room <= 0:
                return
            async with self._uow.begin() as tx:
                due = await tx.take_due(room, self._pace.lease)
            self._running += len(due)
        for attempt in due:
            self._background.spawn(self._carried_out(attempt), "webhook")

    def look(self) -> None:
        """Something may be due: look now, and not only in the next round."""
        self._background.spawn(self.sweep(), "webhooks")

    async def _carried_out(self, attempt: Attempt) -> None:
        try:
            await self._try(attempt)
        except Problem as problem:  # the lease ends, and a later round tries again
            log().warning("webhook_not_recorded", delivery_id=str(attempt.delivery_id), reason=problem.reason)
        finally:
            self._running -= 1
        await self.sweep()

    async def _try(self, attempt: Attempt) -> None:
        """Send once and write down how it went."""
        outcome, _ = await self._poster.post(attempt.parcel, self._pace.attempt_seconds)
        kit.crashpoint("notifications.after_webhook")
        if not outcome.succeeded:
            _report(attempt, outcome)
        async with self._uow.begin() as tx:
            found = await tx.taken(attempt)
            if found is None:  # deleted, given up with its endpoint, or somebody else's by now
                return
            endpoint, delivery, now = found
            chance = random.random()  # noqa: S311 - spreads attempts, guards nothing
            await tx.record(domain.settle(endpoint, delivery, outcome, now, chance, self._policy))


def _report(attempt: Attempt, outcome: Outcome) -> None:
    """Neither the URL, which may hold a password of the receiver's, nor the answer is logged."""
    log().warning(
        "webhook_failed",
        delivery_id=str(attempt.delivery_id),
        endpoint_id=str(attempt.endpoint_id),
        cause=outcome.reason,
    )
