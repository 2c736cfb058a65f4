"""Notifications hears the events of a choreographed saga and writes to the customer once about each step."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from kit.background import Background
from kit.database import Database
from kit.deadletters import DeadLetters
from kit.dispatch import Dispatcher
from kit.errors import Problem
from kit.events import Record
from kit.money import from_minor
from kit.testing.events import Remembering, RememberingRecords, event_of, record_of, relay_to
from kit.testing.logs import as_a_service_logs
from kit.testing.postgres import scratch_database
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from ordermesh.orders.v1.orders_pb2 import OrderLine
from ordermesh.payments.v1.payments_events_pb2 import PaymentProcessed
from services.notifications import messages
from services.notifications.consumer import NotificationsConsumer
from services.notifications.delivery import Contact, Delivery
from services.notifications.domain import Kind, Notification
from services.notifications.store import CONSUMER, NotificationsUnitOfWork
from services.notifications.webhooks.consumer import WebhooksConsumer
from services.notifications.webhooks.messages import to_payload
from services.notifications.webhooks.store import WebhooksUnitOfWork
from services.notifications.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ADA = uuid.uuid4()
ADDRESS, NAME = "ada@example.com", "Ada Lovelace"


class FakeContacts:
    """Knows everybody by one address."""

    async def contact(self, customer_id: uuid.UUID) -> Contact:
        return Contact(ADDRESS, NAME)


@dataclass
class FakeMailer:
    """Keeps what it takes; can be away."""

    away: bool = False
    taken: list[tuple[uuid.UUID, Kind]] = field(default_factory=list)

    async def send(self, notification: Notification, contact: Contact) -> None:
        if self.away:
            raise Problem("unavailable", "MAIL_NOT_TAKEN", "not now", {"cause": "SMTPConnectError"})
        self.taken.append((notification.order_id, notification.kind))


class Office:
    """The service without RPCs and Kafka."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.mailer, self.background = FakeMailer(), Background()
        uow = NotificationsUnitOfWork(database, relay_to(Remembering(), database), messages.to_event)
        self.delivery = Delivery(uow, FakeContacts(), self.mailer, self.background)
        letters = DeadLetters(CONSUMER, database, RememberingRecords())
        webhooks = WebhooksConsumer(WebhooksUnitOfWork(database, to_payload), lambda: None)
        subscription = NotificationsConsumer(CONSUMER, uow, self.delivery, webhooks).subscription
        self.dispatcher = Dispatcher(subscription, letters)

    async def hears(self, *records: Record) -> None:
        for record in records:
            await self.dispatcher.dispatch(record)

    async def told(self) -> list[tuple[uuid.UUID, int, str, str]]:
        """Key, version, type and coordination of every event written."""
        async with self.database.statement() as connection:
            rows = await connection.fetch("select * from outbox order by create_time")
        return [
            (row["key"], row["version"], row["type"].rsplit(".", 1)[-1], row["coordination"]) for row in rows
        ]

    async def sweep(self) -> None:
        """A round, as if every message were due."""
        async with self.database.statement() as connection:
            await connection.execute(
                "update notifications set next_attempt_time = now() - interval '1 second'"
            )
        await self.delivery.sweep()


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with scratch_database(MIGRATIONS) as database:
        office = Office(database)
        yield office
        await office.background.drain(5)


def placed(order_id: uuid.UUID, minor: int = 1250, coordination: str = "CHOREOGRAPHY") -> Record:
    total = from_minor(minor, "EUR")
    line = OrderLine(sku="MUG-BLUE", title="Blue mug", quantity=1, unit_price=total)
    message = OrderPlaced(order_id=str(order_id), customer_id=str(ADA), lines=[line], total=total)
    return record_of(event_of(message, order_id, coordination=coordination))


def paid(order_id: uuid.UUID, coordination: str = "CHOREOGRAPHY") -> Record:
    amount = from_minor(1250, "EUR")
    message = PaymentProcessed(order_id=str(order_id), customer_id=str(ADA), amount=amount)
    return record_of(event_of(message, order_id, coordination=coordination))


@pytest.mark.parametrize("paid_first", [False, True])
async def test_receipt_and_confirmation_go_out_once_each_whatever_comes_again(
    office: Office, paid_first: bool
) -> None:
    order_id = uuid.uuid4()
    records = [placed(order_id), paid(order_id)][:: -1 if paid_first else 1]
    await office.hears(*records, *records)
    sent = [(order_id, Kind.RECEIPT), (order_id, Kind.CONFIRMATION)][:: -1 if paid_first else 1]
    assert office.mailer.taken == sent
    assert await office.told() == [(order_id, 1, "ConfirmationSent", "CHOREOGRAPHY")]
    assert office.dispatcher.counts == {"applied": 2, "repeated": 2}


async def test_another_event_of_the_same_step_writes_no_second_time(office: Office) -> None:
    """A step is known by its order, whatever tells it: here the same fact under a new id."""
    order_id = uuid.uuid4()
    await office.hears(paid(order_id), paid(order_id))
    assert office.mailer.taken == [(order_id, Kind.CONFIRMATION)]
    assert office.dispatcher.counts == {"applied": 2}


async def test_an_event_that_comes_twice_at_once_writes_once(office: Office) -> None:
    order = placed(uuid.uuid4())
    await asyncio.gather(*(office.hears(order) for _ in range(6)))
    assert len(office.mailer.taken) == 1
    assert office.dispatcher.counts == {"applied": 1, "repeated": 5}


async def test_with_the_mail_server_away_the_event_goes_and_the_message_is_sent_later(office: Office) -> None:
    order_id, office.mailer.away = uuid.uuid4(), True
    payment = paid(order_id)
    await office.hears(payment)
    assert (office.dispatcher.counts, await office.told()) == ({"applied": 1}, [])
    office.mailer.away = False
    await office.hears(payment)
    assert office.mailer.taken == []  # the message is recorded: who sends it is the sweeper's affair
    await office.sweep()
    await office.sweep()
    assert office.mailer.taken == [(order_id, Kind.CONFIRMATION)]
    assert await office.told() == [(order_id, 1, "ConfirmationSent", "CHOREOGRAPHY")]


async def test_a_receipt_of_another_total_is_set_aside(office: Office) -> None:
    order_id = uuid.uuid4()
    await office.hears(placed(order_id), placed(order_id, minor=1), paid(uuid.uuid4()))
    (letter,) = await office.dispatcher.dead_letters.page(True, None, 10)
    assert letter.cause.reason == "REQUEST_ID_MISMATCH"
    assert [kind for _, kind in office.mailer.taken] == [Kind.RECEIPT, Kind.CONFIRMATION]


@pytest.mark.parametrize("coordination", ["SYNC", "ORCHESTRATION"])
async def test_the_events_of_other_coordinations_begin_no_mails(office: Office, coordination: str) -> None:
    """There somebody asks for the confirmation; webhooks hear of every order."""
    await office.hears(
        placed(uuid.uuid4(), coordination=coordination), paid(uuid.uuid4(), coordination=coordination)
    )
    assert office.dispatcher.counts == {"applied": 1, "skipped": 1}
    await office.sweep()
    assert office.mailer.taken == []
    async with office.database.statement() as connection:
        assert await connection.fetchval("select count(*) from notifications") == 0


async def test_neither_address_nor_name_is_in_an_event_or_a_log_line(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id, office.mailer.away = uuid.uuid4(), True
    with as_a_service_logs("notifications"):
        await office.hears(placed(order_id), placed(order_id, minor=1), paid(order_id))
        office.mailer.away = False
        await office.sweep()
    async with office.database.statement() as connection:
        kept = str(await connection.fetch("select payload from outbox"))
        kept += str(await connection.fetch("select reason, error from dead_letters"))
    captured = capsys.readouterr()
    logged = captured.out + captured.err
    assert "not_sent" in logged
    assert "dead_letter" in logged
    assert not [part for part in (ADDRESS, *NAME.split()) if part in logged + kept]
