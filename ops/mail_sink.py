"""A mail server that takes every message and keeps it in a Maildir: what notifications sends to, locally.

Environment: MAIL_LISTEN (host:port), MAIL_DIRECTORY (made if missing).
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP

LARGEST_MESSAGE = 1_000_000  # bytes


async def serve(listen: str, directory: Path) -> None:
    """Take mail until SIGTERM."""
    host, _, port = listen.rpartition(":")
    loop = asyncio.get_running_loop()
    mailbox = Mailbox(str(directory))
    server = await loop.create_server(
        lambda: SMTP(mailbox, data_size_limit=LARGEST_MESSAGE, hostname="mail.ordermesh.test", loop=loop),
        host,
        int(port),
    )
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with server:
        await stopped.wait()
        server.close()


def main() -> None:
    """Read the environment and serve."""
    asyncio.run(serve(os.environ["MAIL_LISTEN"], Path(os.environ["MAIL_DIRECTORY"]) / "inbox"))


if __name__ == "__main__":
    main()
