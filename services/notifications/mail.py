"""Writes the mail and hands it over by SMTP."""

from email.message import EmailMessage
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
    """Sends by plain SMTP to one address: a relay beside us, which knows about encryption and queues."""

    def __init__(self, address: str, sender: str) -> None:
        self._address = address
        self._sender = sender

    async def send(self, notification: Notification, contact: Contact) -> None:
        """Write to the customer; returns when the mail server has taken it."""
        try:
            message = written(notification, contact, self._sender)
            await self._hand_over(message)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            cause = type(error).__name__
            said = "the mail was not taken; it is tried again"
            raise Problem("unavailable", "MAIL_NOT_TAKEN", said, {"cause": cause}) from None

    async def _hand_over(self, message: EmailMessage) -> None:
        if self._address.startswith("unix:"):
            path = self._address.removeprefix("unix:")
            await aiosmtplib.send(message, socket_path=path, start_tls=False, timeout=SMTP_SECONDS)
            return
        host, _, port = self._address.rpartition(":")
        await aiosmtplib.send(message, hostname=host, port=int(port), start_tls=False, timeout=SMTP_SECONDS)


def written(notification: Notification, contact: Contact, sender: str) -> EmailMessage:
    """The mail. A repeat is the same to the letter, so that a mail server may recognise it."""
    assert notification.terms is not None  # noqa: S101 - what is sent was recorded with its terms
    assert notification.create_time is not None  # noqa: S101 - as above
    message = EmailMessage()
    message["Message-ID"] = f"<{notification.notification_id}@ordermesh>"
    message["Date"] = format_datetime(notification.create_time)
    message["From"] = sender
    message["To"] = contact.email
    subject, said, farewell = _TEXTS[notification.kind]
    message["Subject"] = subject
    name = " ".join(contact.display_name.split())
    message.set_content(
        f"Hello {name},\n\n"
        f"your order {notification.order_id} {said}.\n"
        f"The total is {_amount(notification.terms)}.\n\n"
        f"{farewell}\n"
    )
    return message


def _amount(terms: Terms) -> str:
    units, cents = divmod(terms.total_minor, 100)
    return f"{units}.{cents:02} {terms.currency_code}"
