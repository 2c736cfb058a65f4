"""What the notifications service does when it is asked: load, decide, record, in one transaction.

How a recorded message reaches its customer is in `delivery.py`.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import kit
from kit import call
from services.notifications import domain
from services.notifications.domain import Decision, Kind, Notification, State, Terms

SEND_SECONDS = 3.0
"""How long the first try is waited for, if the caller waits that long."""
TO_ANSWER_SECONDS = 0.2
"""What of the caller's deadline is kept for saying that the message is pending."""


@dataclass(frozen=True)
class SendMessage:
    """Tell this customer what has become of the order; `event_id` if an event says so, and no call."""

    notification_id: UUID
    order_id: UUID
    terms: Terms
    coordination: str
    event_id: UUID | None = None


@dataclass(frozen=True)
class Position:
    """Where a page of messages starts: after this one."""

    create_time: datetime
    notification_id: UUID


@dataclass(frozen=True)
class ListNotifications:
    """A page of messages, newest first; None means everybody's, every order's, from the start."""

    customer_id: UUID | None
    order_id: UUID | None
    after: Position | None
    size: int


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def notification(self, wanted: Notification, coordination: str) -> tuple[Notification, datetime]:
        """The message as it is now, locked, and the database's time; `wanted` if it is not known yet."""

    async def record(self, decision: Decision) -> None:
        """Write what was decided."""

    async def page(self, query: ListNotifications) -> list[Notification]:
        """The messages of a page, and one more if there is another page."""

    async def take_overdue(self, limit: int) -> list[Notification]:
        """Pending messages that are to be tried now; they are ours for a while."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self, event_id: UUID | None = None) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well; raises AlreadyApplied for an event that had
        its effect before.
        """

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""


class Delivering(Protocol):
    """Brings messages to their customers."""

    async def first_try(self, notification: Notification, seconds: float) -> Notification:
        """Try now; what has become of it after so many seconds. The try goes on whoever stops waiting."""


async def send_confirmation(command: SendMessage, uow: UnitOfWork, delivering: Delivering) -> Notification:
    """Tell the customer that the order is confirmed."""
    return await _send(Kind.CONFIRMATION, command, uow, delivering)


async def send_receipt(command: SendMessage, uow: UnitOfWork, delivering: Delivering) -> Notification:
    """Tell the customer that the order was received."""
    return await _send(Kind.RECEIPT, command, uow, delivering)


async def _send(kind: Kind, command: SendMessage, uow: UnitOfWork, delivering: Delivering) -> Notification:
    """Record the message once and try to send it; what fails now is tried again later."""
    async with uow.begin(command.event_id) as tx:
        wanted = Notification(command.notification_id, command.order_id, kind)
        notification, now = await tx.notification(wanted, command.coordination)
        decision = domain.send(notification, command.terms, now)
        pending = decision.answer()
        await tx.record(decision)
    kit.crashpoint("notifications.after_transaction_1")
    if notification.state is not State.NONE:  # whoever recorded it sees to it
        return pending
    return await delivering.first_try(pending, call.remaining(SEND_SECONDS) - TO_ANSWER_SECONDS)


async def list_notifications(query: ListNotifications, uow: UnitOfWork) -> list[Notification]:
    """The messages of a page, and one more if there is another page."""
    async with uow.statement() as tx:
        return await tx.page(query)
