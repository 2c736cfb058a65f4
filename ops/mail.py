"""`make mail`: what the suite's own mail server has taken, from its Maildir."""

from __future__ import annotations

import email
import email.policy
import mailbox
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated

import typer

from ops import arguments
from ops.columns import aligned
from ops.decoding import clock, printable
from ops.suite import Suite

MOST = 1000
_KEY = re.compile(r"(\d+)\.M(\d+)P\d+Q(\d+)\.")
"""How Maildir names a message: seconds, microseconds, and the count of its process."""


def mail(
    count: Annotated[
        int, typer.Option("--count", envvar="N", parser=arguments.whole("N", 1, MOST), help="How many.")
    ] = 10,
    order: Annotated[
        str, typer.Option(envvar="ORDER", parser=arguments.identity("ORDER"), help="Those about this order.")
    ] = "",
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """The last mails, newest last; with ORDER those that mention it, whole. The suite may be down."""
    inbox = Suite.load(suite).directory / "mail" / "inbox"
    if order:
        found = ["\n".join(whole(message)) for message in about(inbox, order)]
        typer.echo("\n\n".join(found) or f"no mail mentions {order}")
        return
    lines = aligned([row(message) for message in last(inbox, count)])
    typer.echo("\n".join(lines) or f"no mail yet in {inbox}")


def last(inbox: Path, count: int) -> list[EmailMessage]:
    """The mails that came last, in the order in which they came."""
    box = mailbox.Maildir(str(inbox), create=False) if inbox.is_dir() else None
    return [] if box is None else [_parsed(box.get_bytes(key)) for key in _keys(box)[-count:]]


def about(inbox: Path, order: str) -> Iterator[EmailMessage]:
    """The mails that mention an order in their text, in the order in which they came."""
    if not inbox.is_dir():
        return
    box = mailbox.Maildir(str(inbox), create=False)
    for key in _keys(box):
        raw = box.get_bytes(key)
        # most are plain text; parsing thousands of others would take its time
        if order.encode() in raw or b"base64" in raw or b"quoted-printable" in raw:
            message = _parsed(raw)
            if order in text_of(message):
                yield message


def row(message: EmailMessage) -> tuple[str, str, str]:
    """Date, to whom, subject."""
    date = message["Date"]
    when = date.datetime if date is not None else None
    shown = clock(when) if when is not None else "no date"
    return shown, printable(str(message["To"])), printable(str(message["Subject"]))


def whole(message: EmailMessage) -> list[str]:
    """One mail as a person reads it: its heading, then its text."""
    date, to, subject = row(message)
    text = [f"  {printable(line)}".rstrip() for line in text_of(message).rstrip().splitlines()]
    return [f"{date}  {to}  {subject}", *text]


def text_of(message: EmailMessage) -> str:
    """The plain text; "" if it has none, or none that can be read."""
    body = message.get_body(("plain",))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except (LookupError, UnicodeError):  # an unknown character set
        return ""


def _keys(box: mailbox.Maildir) -> list[str]:
    return sorted(box.iterkeys(), key=_arrival)


def _arrival(key: str) -> tuple[int, ...]:
    found = _KEY.match(key)
    return tuple(map(int, found.groups())) if found else ()


def _parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
