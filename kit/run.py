"""Runs one service: settings, wiring, serve until told to stop, drain."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import uvloop

from kit import logs, settings, telemetry
from kit.background import Background
from kit.crashpoint import arm
from kit.database import SchemaMismatch
from kit.eventing import SERVICE, Eventing
from kit.interceptors import Guard
from kit.server import Server
from kit.settings import ProcessSettings
from kit.tokens import TokenVerifier

HEALTH_SECONDS = 2.0
HEALTH_SECONDS_BEFORE_READY = 0.2


@dataclass(frozen=True)
class Round:
    """Work that comes back by itself, such as a sweeper: what, and how many seconds apart."""

    name: str
    seconds: float
    work: Callable[[], Any]


class Engine(Protocol):
    """What the process cannot do its work without: its own database, or Temporal for a worker."""

    async def open(self) -> None:
        """Begin to connect; does not wait for it."""

    async def check(self) -> None:
        """Prove that it answers; raises otherwise, SchemaMismatch if it never will."""

    async def close(self) -> None:
        """Leave it."""


class Stateless:
    """The engine of a process that keeps nothing: it can do its work as soon as it is there."""

    async def open(self) -> None:
        """There is nothing to connect to."""

    async def check(self) -> None:
        """Nothing can be missing."""

    async def close(self) -> None:
        """Nothing is open."""


class Closing(Protocol):
    """A connection to somebody else that is kept for the life of the process."""

    async def close(self) -> None:
        """Close it."""


@dataclass(frozen=True)
class App:
    """Everything that a service's wiring has built."""

    engine: Engine
    tokens: TokenVerifier | None  # None where no method is for users
    servicers: dict[str, object]
    background: Background
    peers: Sequence[Closing] = ()
    rounds: Sequence[Round] = field(default_factory=tuple)
    events: Eventing | None = None

    @property
    def all_servicers(self) -> dict[str, object]:
        """Those of the service, and the EventsService of one that has to do with events."""
        return self.servicers | ({SERVICE: self.events.servicer} if self.events else {})


S = TypeVar("S", bound=ProcessSettings)


def main(service: str, kind: type[S], build: Callable[[S], App]) -> None:
    """Run a service until SIGTERM or SIGINT; exits 78 when it is configured wrongly."""
    process(service, kind, lambda chosen: _serve(service, chosen, build))


def process(service: str, kind: type[S], serve: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    """Whatever it serves: settings, logs and spans around it."""
    chosen = settings.load(kind)
    logs.configure(service, chosen.log_level)
    arm(chosen.crash_at)
    try:
        with _spans(service, chosen.otlp_endpoint):
            gc.freeze()  # what is imported stays: no collection has to look through it again
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve(chosen))
    except SchemaMismatch as error:
        print(f"{service}: {error}", file=sys.stderr)
        raise SystemExit(settings.EXIT_CONFIG) from error


@contextmanager
def _spans(service: str, endpoint: str) -> Iterator[None]:
    """Make spans where somebody wants them; the SDK is imported only then."""
    if not endpoint:
        yield
        return
    from kit.spans import sent_to

    spans = sent_to(endpoint, service)
    telemetry.record(spans)
    try:
        yield
    finally:
        telemetry.record(None)
        spans.close()


async def _serve(service: str, chosen: S, build: Callable[[S], App]) -> None:
    app = build(chosen)
    await app.engine.open()
    server = Server(chosen.listen, Guard(service, app.tokens), app.all_servicers)
    await server.start()
    told = asyncio.create_task(told_to_stop().wait())
    watching = asyncio.create_task(_watch(server, app))
    try:
        await asyncio.wait({watching, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        await _drain(server, app, watching, chosen.drain_seconds)
    if not watching.cancelled():
        watching.result()  # the watch ends by itself only to refuse a schema


def told_to_stop() -> asyncio.Event:
    """Set as soon as SIGTERM or SIGINT has come."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _watch(server: Server, app: App) -> None:
    """Keep the health answer true: SERVING while the own engine answers, whatever else is down."""
    healthy = False
    rounds_started = False
    while True:
        try:
            await app.engine.check()
            now = True
        except SchemaMismatch:
            raise
        except Exception as error:
            now = False
            if healthy or not rounds_started:
                logs.log().warning(
                    "not_serving", cause=type(error).__name__, detail=str(error), pid=os.getpid()
                )
        if now and not rounds_started:
            for item in app.rounds:
                app.background.every(item.seconds, item.work, item.name)
            if app.events is not None:
                app.events.start()
            rounds_started = True
        if now != healthy:
            await server.set_healthy(now)
            healthy = now
        await asyncio.sleep(HEALTH_SECONDS if healthy else HEALTH_SECONDS_BEFORE_READY)


async def _drain(server: Server, app: App, watching: "asyncio.Task[None]", seconds: float) -> None:
    """Say that we leave, finish what runs, close what is open."""
    if not watching.done():
        watching.cancel()
        await asyncio.wait({watching})
    await server.set_healthy(False)
    if app.events is not None:
        await app.events.stop()
    await server.stop(seconds)
    await app.background.drain(seconds)
    if app.events is not None:
        await asyncio.to_thread(app.events.close)
    await app.engine.close()  # a worker still calls its peers meanwhile
    for peer in app.peers:
        await peer.close()
