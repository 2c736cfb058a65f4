"""What the mail says, and that what a customer is called cannot break it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP

from services.notifications.delivery import Contact
from services.notifications.domain import Kind, Notification, Terms
from services.notifications.mail import SmtpMailer, written

ORDER = UUID("00000000-0000-4000-8000-000000000001")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOTIFICATION = Notification(
    UUID(int=7), ORDER, terms=Terms(UUID(int=1), 120_05, "EUR"), create_time=NOON, attempts=0
)
ADA = Contact("ada@example.com", "Ada")


def text_of(message: Message) -> str:
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_the_mail_says_what_was_ordered_and_what_it_cost() -> None:
    message = written(NOTIFICATION, ADA, "shop@example.com")
    assert (message["From"], message["To"]) == ("shop@example.com", "ada@example.com")
    text = text_of(message)
    assert "Hello Ada," in text
    assert f"your order {ORDER} is confirmed" in text
    assert "The total is 120.05 EUR." in text


def test_a_repeat_is_the_same_to_the_letter() -> None:
    again = replace(NOTIFICATION, attempts=3)
    first, second = (written(item, ADA, "shop@example.com").as_bytes() for item in (NOTIFICATION, again))
    assert first == second
    assert b"Message-ID: <00000000-0000-0000-0000-000000000007@ordermesh>" in first


def test_a_name_with_line_breaks_stays_one_line_of_the_text() -> None:
    tricky = Contact("ada@example.com", "Ada\r\nBcc: eve@example.com\r\n\r\nGotcha")
    message = written(NOTIFICATION, tricky, "shop@example.com")
    assert message["Bcc"] is None
    assert text_of(message).startswith("Hello Ada Bcc: eve@example.com Gotcha,\n")


def test_an_address_with_line_breaks_is_refused() -> None:
    with pytest.raises(ValueError, match="line breaks"):
        written(NOTIFICATION, Contact("ada@example.com\r\nBcc: eve@example.com", "Ada"), "shop@example.com")


def test_a_receipt_promises_nothing() -> None:
    message = written(replace(NOTIFICATION, kind=Kind.RECEIPT), ADA, "shop@example.com")
    assert message["Subject"] == "We have received your order"
    assert "confirmed.\n" not in text_of(message).partition("The total")[0]


async def test_mails_share_a_connection_and_a_closed_one_is_opened_again() -> None:
    taken: list[bytes] = []
    met: list[Any] = []

    class Keep:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            taken.append(envelope.content)
            if server not in met:
                met.append(server)
            return "250 taken"

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Keep(), hostname="mail.test"), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    mailer = SmtpMailer(f"127.0.0.1:{port}", "shop@example.com")
    async with server:
        await asyncio.gather(*(mailer.send(NOTIFICATION, ADA) for _ in range(3)))
        assert len(met) == 1
        met[0].transport.close()
        await mailer.send(NOTIFICATION, ADA)
        await mailer.close()
    assert (len(taken), len(met)) == (4, 2)


def test_a_contact_does_not_show_when_it_is_printed() -> None:
    assert "ada" not in repr(ADA).lower()
