"""What `make mail` shows of a Maildir."""

from __future__ import annotations

import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest

from ops import mail

ORDER = "6f8f57d0-5d1c-4e0b-9d57-0c3f2b8b1a11"


def put(inbox: Path, to: str, text: str, subject: str = "Your order is confirmed") -> None:
    message = EmailMessage()
    message["Date"] = "Tue, 24 Nov 2026 09:30:00 +0000"
    message["From"], message["To"], message["Subject"] = "orders@ordermesh.test", to, subject
    message.set_content(text)
    mailbox.Maildir(str(inbox)).add(message)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Twelve mails; the last two are about the order, one of them in an encoding."""
    inbox = tmp_path / "inbox"
    for number in range(10):
        put(inbox, f"c{number}@example.com", "Hello,\n\nyour order is another.\n")
    put(inbox, "ada@example.com", f"Hello Ada,\n\nyour order {ORDER} is confirmed.\n")
    put(inbox, "zoe@example.com", f"Hello Zoë,\n\n{'é' * 60} your order {ORDER} is confirmed.\x1b[2J\n")
    return inbox


def test_the_last_mails_come_in_the_order_in_which_they_came(inbox: Path) -> None:
    rows = [mail.row(message) for message in mail.last(inbox, 3)]
    assert [to for _, to, _ in rows] == ["c9@example.com", "ada@example.com", "zoe@example.com"]
    assert rows[0] == ("2026-11-24T09:30:00.000Z", "c9@example.com", "Your order is confirmed")
    assert len(mail.last(inbox, 100)) == 12


def test_the_mails_about_an_order_are_found_whatever_their_encoding(inbox: Path) -> None:
    found = list(mail.about(inbox, ORDER))
    assert [message["To"] for message in found] == ["ada@example.com", "zoe@example.com"]
    assert mail.whole(found[0])[1:] == ["  Hello Ada,", "", f"  your order {ORDER} is confirmed."]
    assert all(line.isprintable() for line in mail.whole(found[1]))


def test_a_suite_without_mail_has_none(tmp_path: Path) -> None:
    assert mail.last(tmp_path / "inbox", 10) == []
    assert list(mail.about(tmp_path / "inbox", ORDER)) == []


def test_a_mail_without_anything_is_shown_too(tmp_path: Path) -> None:
    mailbox.Maildir(str(tmp_path / "inbox")).add(b"")
    (message,) = mail.last(tmp_path / "inbox", 10)
    assert mail.row(message)[0] == "no date"
    assert mail.whole(message)
