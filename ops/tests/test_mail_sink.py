"""The mail sink keeps what it is sent."""

from __future__ import annotations

import asyncio
import mailbox
from email.message import EmailMessage

import aiosmtplib

from ops import mail_sink, probes, topology
from ops.site import Site


async def test_a_message_ends_in_the_maildir(site: Site) -> None:
    inbox = site.directory / "mail" / "inbox"
    part = next(part for part in topology.tool_parts(site) if part.name == "mail")
    serving = asyncio.create_task(mail_sink.serve(site.address("smtp"), inbox))
    assert await probes.wait_ready(site, part, 10, lambda: None) is None
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "orders@ordermesh.test",
        "ada@example.com",
        "Thank you",
    )
    message.set_content("Your order is confirmed.")
    await aiosmtplib.send(message, hostname="127.0.0.1", port=site.ports["smtp"], start_tls=False)
    serving.cancel()
    (kept,) = mailbox.Maildir(str(inbox))
    assert kept["Subject"] == "Thank you"
