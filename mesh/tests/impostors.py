"""Ends of TLS that are none of the mesh's: they show what a test has forged, and take
whatever they are shown.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from mesh import authority_store
from mesh.certificates import Root, private_pem
from mesh.tests.fleet import Fleet
from mesh.tests.forging import forge

HOUR = timedelta(hours=1)
FROM, UNTIL = datetime.now(UTC) - HOUR, datetime.now(UTC) + HOUR
"""A life that holds now: proxies ask the real clock."""


def root_of(mesh: Fleet) -> Root:
    """The root that signs in this mesh, with its key, as who has stolen it would have it."""
    roots = authority_store.read(mesh.folder / "mesh" / "authority")
    assert roots is not None
    return roots.issuing


def shows(
    side: ssl._SSLMethod, folder: Path, root: Root, uris: Sequence[str], **forged: Any
) -> ssl.SSLContext:
    """An end that shows a certificate for these names; `forged` says what is wrong with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    both = folder / "shown.pem"  # OpenSSL reads keys from files only
    both.write_bytes(forge(root, uris, key=key, **{"life": (FROM, UNTIL), **forged}) + private_pem(key))
    made = shows_nothing(side)
    made.load_cert_chain(both)
    return made


def shows_nothing(side: ssl._SSLMethod) -> ssl.SSLContext:
    """An end that has no certificate."""
    made = ssl.SSLContext(side)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(["h2"])
    return made


@asynccontextmanager
async def caller(folder: Path, address: str, shown: ssl.SSLContext | None) -> AsyncIterator[str]:
    """Where a call goes in the clear that is to come out at `address` like this; None: in the clear too."""
    host, _, port = address.rpartition(":")
    path = folder / "tunnel"

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await _joined((reader, writer), await asyncio.open_connection(host, int(port), ssl=shown))
        writer.close()

    async with await asyncio.start_unix_server(connect, path):
        yield f"unix:{path}"
    path.unlink(missing_ok=True)


@asynccontextmanager
async def callee(application: Path, shown: ssl.SSLContext) -> AsyncIterator[str]:
    """The address of a server that shows this, with an application behind it."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await _joined((reader, writer), await asyncio.open_unix_connection(application))
        writer.close()

    async with await asyncio.start_server(connect, "127.0.0.1", 0, ssl=shown) as server:
        yield "{}:{}".format(*server.sockets[0].getsockname()[:2])


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _joined(one: Ends, other: Ends) -> None:
    """Until one of them ends, what one says the other hears."""
    ways = [asyncio.create_task(_one_way(one[0], other[1])), asyncio.create_task(_one_way(other[0], one[1]))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for writer in (one[1], other[1]):
        writer.close()
    await asyncio.gather(*ways)


async def _one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
