"""A real receiver of webhooks on loopback, which answers as it is told and keeps what came."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def answer(status: int, *headers: str, body: str = "") -> bytes:
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {status} X", *headers, f"content-length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


@dataclass(frozen=True)
class Came:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def message(self) -> Any:
        """Its JSON."""
        return json.loads(self.body)

    def is_signed_by(self, secret: str) -> bool:
        """Whether one of its signatures is by this secret; raises what the library raises else."""
        Webhook(secret).verify(self.body, self.headers)
        return True


@dataclass
class Receiver:
    """`answers` decides; None leaves the request without an answer until the other side goes away."""

    port: int = 0
    came: list[Came] = field(default_factory=list)
    answers: Callable[[Came], bytes | None] = lambda came: OK
    endless: bytes = b""
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/hook") -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
            signature = next(line for line in head if line.lower().startswith("webhook-signature"))
            headers["webhook-signature"] = signature.split(": ", 1)[1]
            body = (await reader.readexactly(int(headers["content-length"]))).decode()
            came = Came(head[0].split()[1], headers, body)
            self.came.append(came)
            said = self.answers(came)
            if said is None:
                await reader.read()  # until the other side goes away
            else:
                writer.write(said)
                while self.endless:
                    writer.write(self.endless)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.gone.set()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver for the time of a test."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def echo(came: Came) -> bytes:
    """What a well-behaved receiver says: the challenge of a test message, and 200 to everything else."""
    challenge = came.message["data"].get("challenge")
    return answer(200, body=json.dumps({"challenge": challenge})) if challenge else OK
