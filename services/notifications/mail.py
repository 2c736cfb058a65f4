"""Writes the mail and hands it over by SMTP."""

import asyncio
from email.message import Message
from email.mime.text import MIMEText
from email.utils import format_datetime

import aiosmtplib

from kit.errors import Problem
from services.notifications.delivery import Contact
from services.notifications.domain import Kind, Notification, Terms

SMTP_SECONDS = 3.0
"""For each answer of the mail server."""

_TEXTS = {
    Kind.RECEIPT: ("We have received your order", "was received", "We write again when it is confirmed."),
    Kind.CONFIRMATION: ("Your order is confirmed", "is confirmed", "Thank you for shopping with us."),
}
"""Subject, what has become of the order, and the last line."""


class SmtpMailer:
    """Sends by plain SMTP to one address: a relay beside us, which knows about encryption and queues.

    One connection is kept open. A mail server may close it while it is idle, so a mail that finds it closed
    is handed over by a new one.
    """

    def __init__(self, address: str, sender: str) -> None:
        self._address = address
        self._sender = sender
        self._client: aiosmtplib.SMTP | None = None
        self._one_at_a_time = asyncio.Lock()

    async def send(self, notification: Notification, contact: Contact) -> None:
        """Write to the customer; returns when the mail server has taken it."""
        try:
            message = written(notification, contact, self._sender)
            async with self._one_at_a_time:
                await self._hand_over(message)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            cause = type(error).__name__
            said = "the mail was not taken; it is tried again"
            raise Problem("unavailable", "MAIL_NOT_TAKEN", said, {"cause": cause}) from None

    async def close(self) -> None:
        """Close the connection, at the end of the process."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _hand_over(self, message: Message) -> None:
        client, kept = await self._connected()
        try:
            await client.send_message(message)
        except aiosmtplib.SMTPServerDisconnected:
            await self.close()
            if not kept:
                raise
            client, _ = await self._connected()
            await client.send_message(message)
        except BaseException:
            await self.close()  # in the middle of a conversation nobody knows what comes next
            raise

    async def _connected(self) -> tuple[aiosmtplib.SMTP, bool]:
        """The connection, and whether it was open already."""
        if self._client is not None and self._client.is_connected:
            return self._client, True
        host, _, port = self._address.rpartition(":")
        where: dict[str, str | int] = {"hostname": host, "port": int(port)} if host != "unix" else {}
        if self._address.startswith("unix:"):
            where = {"socket_path": self._address.removeprefix("unix:")}
        client = aiosmtplib.SMTP(start_tls=False, timeout=SMTP_SECONDS, **where)  # type: ignore[arg-type]
        await client.connect()
        self._client = client
        return client, False


def written(notification: Notification, contact: Contact, sender: str) -> Message:
    """The mail. A repeat is the same to the letter, so that a mail server may recognise it.

    By MIMEText: what EmailMessage does to parse and fold its headers again costs more than sending.
    """
    assert notification.terms is not None  # noqa: S101 - what is sent was recorded with its terms
    assert notification.create_time is not None  # noqa: S101 - as above
    if not contact.email.isprintable():
        raise ValueError("an address must not have line breaks: it would write headers of its own")
    subject, said, farewell = _TEXTS[notification.kind]
    text = (
        f"Hello {' '.join(contact.display_name.split())},\n\n"
        f"your order {notification.order_id} {said}.\n"
        f"The total is {_amount(notification.terms)}.\n\n"
        f"{farewell}\n"
    )
    message = MIMEText(text, "plain", "us-ascii" if text.isascii() else "utf-8")
    message["Message-ID"] = f"<{notification.notification_id}@ordermesh>"
    message["Date"] = format_datetime(notification.create_time)
    message["From"] = sender
    message["To"] = contact.email
    message["Subject"] = subject
    return message


def _amount(terms: Terms) -> str:
    units, cents = divmod(terms.total_minor, 100)
    return f"{units}.{cents:02} {terms.currency_code}"
