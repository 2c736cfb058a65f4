"""A part that speaks HTTP in the test's own process: real server, real guard, called through a socket."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from kit.http_run import HttpApp, HttpServer

SECONDS = 10.0


@dataclass(frozen=True)
class Served:
    """The running server, and a client of it."""

    server: HttpServer
    client: httpx.AsyncClient


@asynccontextmanager
async def serving_http(app: HttpApp, drain_seconds: float = 1.0) -> AsyncIterator[Served]:
    """Serve what a wiring has built, on a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="om-") as folder:
        path = f"{folder}/socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen()
            server = HttpServer(app, listener, drain_seconds)
            serving = asyncio.create_task(server.serve())
            transport = httpx.AsyncHTTPTransport(uds=path)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost", timeout=SECONDS
            ) as client:
                yield Served(server, client)
            server.leave()
            await serving
        for peer in app.peers:
            await peer.close()


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: Any


async def events_of(answer: httpx.Response) -> AsyncIterator[Event]:
    """The events of a stream, without its heartbeats."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name.rstrip(":")] = value
        else:
            if "event" in fields:
                data = fields.get("data", "")
                yield Event(fields["event"], fields.get("id", ""), json.loads(data) if data else None)
            fields = {}
