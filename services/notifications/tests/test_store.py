"""The store and the use cases on a real PostgreSQL, with users and a mail server that can be away."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from kit import call
from kit.background import Background
from kit.channels import Unanswered
from kit.database import Database
from kit.errors import Problem
from kit.ids import step_key
from kit.testing.events import Remembering, relay_to
from kit.testing.postgres import scratch_database
from services.notifications import messages, usecases
from services.notifications.delivery import Contact, Delivery
from services.notifications.domain import Notification, State, Terms, TermsDiffer
from services.notifications.store import NotificationsUnitOfWork
from services.notifications.usecases import ListNotifications, SendMessage
from services.notifications.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ADA = uuid.uuid4()


@dataclass
class FakeContacts:
    """Knows everybody, unless it is away."""

    away: bool = False

    async def contact(self, customer_id: uuid.UUID) -> Contact:
        if self.away:
            raise Unanswered("users", "UNREACHABLE", sent=False)
        return Contact(f"{customer_id}@example.com", "Ada")


@dataclass
class FakeMailer:
    """Keeps what it takes; can be away or very slow."""

    away: bool = False
    gate: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    taken: list[tuple[uuid.UUID, str]] = field(default_factory=list)

    async def send(self, notification: Notification, contact: Contact) -> None:
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise Problem("unavailable", "MAIL_NOT_TAKEN", "not now", {"cause": "SMTPConnectError"})
        self.taken.append((notification.notification_id, contact.email))


@dataclass
class Office:
    """The service without its RPCs."""

    database: Database
    uow: NotificationsUnitOfWork
    contacts: FakeContacts
    mailer: FakeMailer
    delivery: Delivery
    background: Background

    async def send(self, order_id: uuid.UUID, minor: int = 1250) -> Notification:
        key = step_key(order_id, "send-confirmation")
        command = SendMessage(key, order_id, Terms(ADA, minor, "EUR"), "SYNC")
        return await usecases.send_confirmation(command, self.uow, self.delivery)

    async def sweep(self) -> None:
        """A round, as if every message were due."""
        async with self.database.transaction() as connection:
            await connection.execute(
                "update notifications set next_attempt_time = now() - interval '1 second'"
            )
        await self.delivery.sweep()

    async def only(self) -> Notification:
        """The one message there is."""
        (found,) = await usecases.list_notifications(ListNotifications(None, None, None, 10), self.uow)
        return found


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with scratch_database(MIGRATIONS) as database:
        uow = NotificationsUnitOfWork(database, relay_to(Remembering(), database), messages.to_event)
        contacts, mailer = FakeContacts(), FakeMailer()
        background = Background()
        delivery = Delivery(uow, contacts, mailer, background)
        yield Office(database, uow, contacts, mailer, delivery, background)
        await background.drain(1)


async def test_a_confirmation_is_sent_once_however_often_it_is_asked_for(office: Office) -> None:
    order_id = uuid.uuid4()
    first, *_ = await asyncio.gather(*(office.send(order_id) for _ in range(6)))
    again = await office.send(order_id)
    assert (again.state, again.attempts) == (State.SENT, 1)
    assert again.notification_id == first.notification_id
    assert office.mailer.taken == [(first.notification_id, f"{ADA}@example.com")]


async def test_first_requests_at_the_same_time_wait_for_each_other_and_never_deadlock(office: Office) -> None:
    for _ in range(30):
        order_id = uuid.uuid4()
        await asyncio.gather(*(office.send(order_id) for _ in range(8)))
    assert len(office.mailer.taken) == len(set(office.mailer.taken)) == 30


async def test_another_content_for_the_same_order_is_refused(office: Office) -> None:
    order_id = uuid.uuid4()
    await office.send(order_id)
    with pytest.raises(TermsDiffer):
        await office.send(order_id, minor=1)


@pytest.mark.parametrize("away", ["contacts", "mailer"])
async def test_with_users_or_the_mail_server_away_it_is_pending_and_sent_later(
    office: Office, away: str
) -> None:
    getattr(office, away).away = True
    pending = await office.send(uuid.uuid4())
    assert (pending.state, pending.attempts) == (State.PENDING, 1)
    await office.sweep()
    assert (await office.only()).attempts == 2
    getattr(office, away).away = False
    await office.sweep()
    sent = await office.only()
    assert (sent.state, sent.attempts) == (State.SENT, 3)
    assert len(office.mailer.taken) == 1


async def test_a_message_that_is_not_due_is_left_alone(office: Office) -> None:
    office.mailer.away = True
    await office.send(uuid.uuid4())
    office.mailer.away = False
    await office.delivery.sweep()
    assert office.mailer.taken == []


async def test_two_rounds_at_once_send_a_message_once(office: Office) -> None:
    office.mailer.away = True
    await asyncio.gather(*(office.send(uuid.uuid4()) for _ in range(5)))
    office.mailer.away = False
    async with office.database.transaction() as connection:
        await connection.execute("update notifications set next_attempt_time = now() - interval '1 second'")
    await asyncio.gather(office.delivery.sweep(), office.delivery.sweep())
    assert len(office.mailer.taken) == len(set(office.mailer.taken)) == 5


async def test_a_slow_mail_server_does_not_hold_the_caller_up(office: Office) -> None:
    office.mailer.gate = asyncio.Event()
    call.set_deadline(0.4)
    assert (await office.send(uuid.uuid4())).state is State.PENDING
    office.mailer.gate.set()
    await office.background.drain(1)
    assert (await office.only()).state is State.SENT


async def test_a_try_goes_on_when_its_caller_has_gone(office: Office) -> None:
    office.mailer.gate = asyncio.Event()
    sending = asyncio.create_task(office.send(uuid.uuid4()))
    await office.mailer.reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    office.mailer.gate.set()
    await office.background.drain(1)
    assert len(office.mailer.taken) == 1


async def test_neither_address_nor_name_is_kept(office: Office) -> None:
    await office.send(uuid.uuid4())
    async with office.database.transaction() as connection:
        kept = str(await connection.fetch("select * from notifications"))
    assert "@" not in kept
    assert "Ada" not in kept
