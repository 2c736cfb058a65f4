"""Brings recorded messages to their customers: at once if possible, else again and again until it works.

The address is looked up when a message is sent, and kept nowhere. A crash between the mail server's yes
and our record sends a message twice; both have the same Message-ID and Date.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import kit
from kit import call
from kit.background import Background
from kit.errors import Problem
from kit.logs import log
from services.notifications import domain
from services.notifications.domain import Notification
from services.notifications.usecases import UnitOfWork

TRY_SECONDS = 8.0
"""How long one try may take; shorter than the lease, after which somebody else may try."""
SWEEP_AT_ONCE = 20


@dataclass(frozen=True)
class Contact:
    """Where and how to address a customer; never shown."""

    email: str = field(repr=False)
    display_name: str = field(repr=False)


class Contacts(Protocol):
    """Knows the customers."""

    async def contact(self, customer_id: UUID) -> Contact:
        """How to reach a customer. Raises a Problem."""


class Mailer(Protocol):
    """Hands mail over."""

    async def send(self, notification: Notification, contact: Contact) -> None:
        """Write to the customer; returns when the mail server has taken it. Raises a Problem."""


class Delivery:
    """Tries to send what is pending."""

    def __init__(self, uow: UnitOfWork, contacts: Contacts, mailer: Mailer, background: Background) -> None:
        self._uow = uow
        self._contacts = contacts
        self._mailer = mailer
        self._background = background

    async def first_try(self, notification: Notification, seconds: float) -> Notification:
        """Try now; what has become of it after so many seconds. The try goes on whoever stops waiting."""
        trying = self._background.spawn(self._try(notification), "send")
        done, _ = await asyncio.wait({trying}, timeout=max(0.0, seconds))
        return trying.result() if done else notification

    async def sweep(self) -> None:
        """One try for each message that is due."""
        async with self._uow.statement() as tx:
            due = await tx.take_overdue(SWEEP_AT_ONCE)
        if due:
            await asyncio.wait([self._background.spawn(self._try(item), "send") for item in due])

    async def _try(self, notification: Notification) -> Notification:
        """Send once and write down how it went; a database that is away leaves it to a later round."""
        call.set_deadline(TRY_SECONDS)  # the caller's own may be shorter, and does not bind us
        sent = await self._sent(notification)
        kit.crashpoint("notifications.after_send")
        try:
            async with self._uow.begin() as tx:
                found, now = await tx.notification(notification, "")
                decision = (domain.delivered if sent else domain.failed)(found, now)
                await tx.record(decision)
        except Problem as problem:
            _report(notification, problem)
            return notification
        return decision.answer()

    async def _sent(self, notification: Notification) -> bool:
        terms = notification.terms
        assert terms is not None  # noqa: S101 - what is pending has terms; the table's check says so too
        try:
            async with asyncio.timeout(TRY_SECONDS):
                contact = await self._contacts.contact(terms.customer_id)
                await self._mailer.send(notification, contact)
        except Problem as problem:
            _report(notification, problem)
            return False
        except TimeoutError:
            _report(notification, Problem("too_late", "TOO_SLOW", "sending took too long"))
            return False
        return True


def _report(notification: Notification, problem: Problem) -> None:
    """Neither the address nor a mail server's text, which may quote it, is logged."""
    log().warning(
        "not_sent",
        notification_id=str(notification.notification_id),
        attempts=notification.attempts,
        reason=problem.reason,
        cause=problem.details.get("cause", ""),
    )
