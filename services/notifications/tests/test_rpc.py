"""Notifications through its real server, with a users service and a real mail server beside it."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from aiosmtpd.smtp import SMTP

from kit.ids import step_key
from kit.money import from_minor
from kit.run import App
from kit.testing.postgres import scratch_url
from kit.testing.serve import Told, serving
from kit.testing.tokens import Issuer
from ordermesh.notifications.v1 import notifications_pb2, notifications_service_pb2_grpc
from ordermesh.notifications.v1 import notifications_service_pb2 as pb
from ordermesh.users.v1 import users_service_pb2, users_service_pb2_grpc
from services.notifications import settings, wiring

pytestmark = pytest.mark.postgres
ISSUER = Issuer()
ADA, BOB, OLGA = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
NAMES = {str(ADA): "Ada", str(BOB): "Bob"}
PENDING = notifications_pb2.NOTIFICATION_STATE_PENDING
SENT = notifications_pb2.NOTIFICATION_STATE_SENT


class Contacts(users_service_pb2_grpc.ContactsServiceServicer):
    """The part of the users service that is asked."""

    async def GetContact(self, request: Any, context: Any) -> Any:
        name = NAMES[request.user_id]
        return users_service_pb2.GetContactResponse(email=f"{name.lower()}@example.com", display_name=name)


class Mailbox:
    """A mail server that keeps what it takes, in memory."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.server: asyncio.Server | None = None

    async def open(self, path: str) -> None:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_unix_server(lambda: SMTP(self, hostname="mail.test"), path)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope)
        return "250 taken"


@dataclass
class Office:
    """Notifications as its callers see it."""

    app: App
    stub: Any
    url: str
    mailbox: Mailbox
    mail_path: str

    async def send(self, order_id: uuid.UUID, customer_id: uuid.UUID = ADA, minor: int = 1250) -> Any:
        request = pb.SendConfirmationRequest(
            request_id=str(step_key(order_id, "send-confirmation")),
            order_id=str(order_id),
            customer_id=str(customer_id),
            total=from_minor(minor, "EUR"),
        )
        return (await self.stub.SendConfirmation(request)).notification

    async def list(self, user_id: uuid.UUID, role: str = "customer", **fields: Any) -> Any:
        request = pb.ListNotificationsRequest(**fields)
        return await self.stub.ListNotifications(request, metadata=ISSUER.authorization(user_id, role))

    async def sweep(self) -> None:
        """A round, as if every message were due."""
        connection = await asyncpg.connect(self.url)
        await connection.execute("update notifications set next_attempt_time = now() - interval '1 second'")
        await connection.close()
        await self.app.rounds[0].work()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    mailbox, mail_path, users = Mailbox(), str(tmp_path / "m"), f"unix:{tmp_path}/u"
    async with scratch_url(wiring.MIGRATIONS) as url, serving_contacts(users):
        chosen = settings.Settings(
            listen="unix:/unused",
            database_url=url,
            users_address=users,
            smtp_address=f"unix:{mail_path}",
            kafka_address="127.0.0.1:1",
        )
        app = replace(wiring.build(chosen), tokens=ISSUER.verifier())
        async with serving("notifications", app) as channel:
            stub = notifications_service_pb2_grpc.NotificationsServiceStub(channel)
            yield Office(app, stub, url, mailbox, mail_path)
        if mailbox.server is not None:
            mailbox.server.close()
            await mailbox.server.wait_closed()


@contextlib.asynccontextmanager
async def serving_contacts(address: str) -> AsyncIterator[None]:
    server = grpc.aio.server()
    users_service_pb2_grpc.add_ContactsServiceServicer_to_server(Contacts(), server)
    server.add_insecure_port(address)
    await server.start()
    yield
    await server.stop(0)


async def refused(call: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Told(caught.value)


async def test_a_confirmation_reaches_the_customer_once(office: Office) -> None:
    await office.mailbox.open(office.mail_path)
    order_id = uuid.uuid4()
    sent = await office.send(order_id)
    assert (sent.state, sent.attempts) == (SENT, 1)
    assert sent.notification_id == str(step_key(order_id, "send-confirmation"))
    assert await office.send(order_id) == sent
    (mail,) = office.mailbox.mails
    assert mail.rcpt_tos == ["ada@example.com"]
    text = mail.content.decode()
    assert f"Message-ID: <{sent.notification_id}@ordermesh>" in text
    assert str(order_id) in text
    assert "12.50 EUR" in text


async def test_with_the_mail_server_away_it_is_pending_until_it_is_back(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = uuid.uuid4()
    assert (await office.send(order_id)).state == PENDING
    await office.mailbox.open(office.mail_path)
    await office.sweep()
    (listed,) = (await office.list(ADA)).notifications
    assert (listed.state, listed.attempts) == (SENT, 2)
    assert len(office.mailbox.mails) == 1
    logged = capsys.readouterr().out
    assert "MAIL_NOT_TAKEN" in logged
    assert "ada@example.com" not in logged


async def test_another_customer_or_total_for_the_same_order_is_a_mistake(office: Office) -> None:
    order_id = uuid.uuid4()
    await office.send(order_id)
    for told in (await refused(office.send(order_id, BOB)), await refused(office.send(order_id, minor=1))):
        assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_MISMATCH")
    assert (await refused(office.send(uuid.uuid4(), minor=0))).reason == "MONEY_INVALID"


async def test_customers_see_their_own_messages_and_operators_all(office: Office) -> None:
    hers, his = uuid.uuid4(), uuid.uuid4()
    await office.send(hers, ADA)
    await office.send(his, BOB)
    assert [item.order_id for item in (await office.list(ADA)).notifications] == [str(hers)]
    assert list((await office.list(ADA, order_id=str(his))).notifications) == []
    everything = await office.list(OLGA, "operator")
    assert [item.order_id for item in everything.notifications] == [str(his), str(hers)]
    one = await office.list(OLGA, "operator", order_id=str(hers))
    assert [item.order_id for item in one.notifications] == [str(hers)]


async def test_pages_follow_each_other_newest_first_without_gaps(office: Office) -> None:
    orders = [str(uuid.uuid4()) for _ in range(5)]
    for order_id in orders:
        await office.send(uuid.UUID(order_id))
    seen, token = [], ""
    for expected in (2, 2, 1):
        page = await office.list(ADA, page_size=2, page_token=token)
        assert len(page.notifications) == expected
        seen += [item.order_id for item in page.notifications]
        token = page.next_page_token
    assert seen == orders[::-1]
    assert token == ""


async def test_a_page_token_is_for_the_one_who_got_it_and_for_the_same_list(office: Office) -> None:
    for _ in range(2):
        await office.send(uuid.uuid4())
    token = (await office.list(ADA, page_size=1)).next_page_token
    assert token
    for told in (
        await refused(office.list(BOB, page_token=token)),
        await refused(office.list(ADA, page_token=token, order_id=str(uuid.uuid4()))),
        await refused(office.list(ADA, page_token="nonsense")),
    ):
        assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
