"""Runs one part that speaks HTTP: settings, wiring, serve until told to stop, drain. As `kit.run` for gRPC.

It serves HTTP/1.1 in the clear, on a Unix socket behind its sidecar or at `host:port`; `/healthz` says
whether it takes requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kit.http_guard import HttpGuard
from kit.run import Closing, process, told_to_stop
from kit.settings import ProcessSettings
from kit.sse import Streams

HEALTH_PATH = "/healthz"
BACKLOG = 1024
KEEP_ALIVE_SECONDS = 2 * 3600  # longer than a proxy keeps a connection: it must not send into one that closes


@dataclass(frozen=True)
class HttpApp:
    """Everything that the wiring of a part has built."""

    asgi: ASGIApp
    streams: Streams
    peers: Sequence[Closing] = ()


S = TypeVar("S", bound=ProcessSettings)


def main(service: str, kind: type[S], build: Callable[[S], HttpApp]) -> None:
    """Run a part until SIGTERM or SIGINT; exits 78 when it is configured wrongly."""
    process(service, kind, lambda chosen: _serve(chosen, build))


async def _serve(chosen: S, build: Callable[[S], HttpApp]) -> None:
    app = build(chosen)
    with _listening(chosen.listen) as listener:
        server = HttpServer(app, listener, chosen.drain_seconds)
        serving = asyncio.create_task(server.serve())
        told = asyncio.create_task(told_to_stop().wait())
        await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        server.leave()
        await serving
    for peer in app.peers:
        await peer.close()


class HttpServer:
    """Serves an application on a socket that listens already."""

    def __init__(self, app: HttpApp, listener: socket.socket, drain_seconds: float) -> None:
        self._app = app
        self._listener = listener
        self._doors = _Doors(HttpGuard(app.asgi))
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                self._doors,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                backlog=BACKLOG,
                http="httptools",  # its headers are limited by the proxy before it, of which each has one
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(drain_seconds)),
            )
        )

    async def serve(self) -> None:
        """Until `leave`, and until what runs then is done or its time is up."""
        await self._uvicorn.serve(sockets=[self._listener])

    def leave(self) -> None:
        """Say that we leave, end the streams, and let the requests that run finish."""
        self._doors.open = False
        self._app.streams.drain()
        self._uvicorn.should_exit = True


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `kit.run`: uvicorn would raise them again at the end, and die of them."""
        yield


class _Doors:
    """Answers the question for health itself; without a trace, for proxies ask all the time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.open = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == HEALTH_PATH:
            answer = PlainTextResponse("ok" if self.open else "leaving", 200 if self.open else 503)
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


@contextlib.contextmanager
def _listening(address: str) -> Iterator[socket.socket]:
    """A socket that listens at `host:port` or `unix:path`; a path that a dead process has left is taken."""
    path = address.removeprefix("unix:")
    if path == address:
        host, _, port = address.rpartition(":")
        with socket.create_server((host, int(port)), backlog=BACKLOG) as listener:
            yield listener
        return
    Path(path).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        Path(path).chmod(0o600)
        listener.listen(BACKLOG)
        yield listener
