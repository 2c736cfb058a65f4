"""Services kept in memory behind a part that speaks HTTP: the real servers and guards, each of which may be
stopped and started while the part runs.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from kit.background import Background
from kit.errors import Problem
from kit.http_run import HttpApp, HttpServer
from kit.run import App, Stateless
from kit.testing.serve import serving
from kit.tokens import TokenVerifier

START_SECONDS = 30.0
S = TypeVar("S")

Servicers = Callable[[str], dict[str, object]]
"""The proto services that a workload serves."""
Address = Callable[[str], str]
"""Where a workload is served."""


class Servicer(Generic[S]):
    """Answers by what a shop knows. A method that no test calls is not there."""

    def __init__(self, shop: S) -> None:
        self._shop = shop

    def __getattr__(self, name: str) -> Any:
        """The server wants every method of the proto."""

        async def unimplemented(request: Any, context: Any) -> Any:
            raise Problem("unimplemented", "UNIMPLEMENTED", f"no test calls {name}")

        return unimplemented


@dataclass
class Running(Generic[S]):
    """The services of a shop, and the part before them."""

    shop: S
    app: HttpApp
    address: Address
    servicers: Servicers
    tokens: Callable[[], TokenVerifier]
    stacks: dict[str, AsyncExitStack] = field(default_factory=dict)

    async def start(self, service: str) -> None:
        """Serve one of them."""
        app = App(Stateless(), self.tokens(), self.servicers(service), Background())
        stack = self.stacks[service] = AsyncExitStack()
        await stack.enter_async_context(serving(service, app, self.address(service)))

    async def stop(self, service: str) -> None:
        """Take one away."""
        await self.stacks.pop(service).aclose()


@asynccontextmanager
async def backed(
    shop: S,
    services: Sequence[str],
    servicers: Servicers,
    tokens: Callable[[], TokenVerifier],
    build: Callable[[Address], HttpApp],
) -> AsyncIterator[Running[S]]:
    """All of these services, and the application that `build` makes before their addresses."""
    with tempfile.TemporaryDirectory(prefix="om-") as folder:

        def address(service: str) -> str:
            return f"unix:{folder}/{service}"

        running = Running(shop, build(address), address, servicers, tokens)
        try:
            for service in services:
                await running.start(service)
            yield running
        finally:
            for service in list(running.stacks):
                await running.stop(service)
            for peer in running.app.peers:
                await peer.close()


@contextmanager
def in_a_thread(backing: AbstractAsyncContextManager[Running[S]]) -> Iterator[str]:
    """Services and part in a thread of their own, for calls by a client that blocks; the part's base URL."""
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def serve() -> None:
            async with backing as found:
                server = HttpServer(found.app, listener, 1)
                serving = asyncio.create_task(server.serve())
                ready.set()
                await stop.wait()
                server.leave()
                await serving

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        try:
            assert ready.wait(START_SECONDS)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
    loop.close()
