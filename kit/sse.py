"""Server-sent events: streams that say that they live, end cleanly when the process stops, and are counted.

A client that comes back says by `Last-Event-ID` what it has seen: the id of an event is all that it takes to
go on behind it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Hashable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from kit.errors import Problem

HEARTBEAT_SECONDS = 15.0
MAX_STREAMS_PER_USER = 5
RETRY_MS = 1_000
HEADERS = {
    # nobody on the way may keep, compress or gather it
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
_HEARTBEAT = ": still here\n\n"


@dataclass(frozen=True)
class Event:
    """One event; `data` on one line, as JSON is."""

    data: str = ""
    name: str = ""
    id: str = ""

    def encoded(self) -> str:
        """As it goes over the wire. Browsers drop an event without data, so there always is a line."""
        head = (f"event: {self.name}\n" if self.name else "") + (f"id: {self.id}\n" if self.id else "")
        return f"{head}data: {self.data}\n\n"


def last_event_id(request: Request) -> int:
    """The number of the last event that the client has seen; 0 if it has seen none. Raises BAD_REQUEST."""
    told = request.headers.get("last-event-id", "")
    if not told:
        return 0
    if not (told.isascii() and told.isdigit() and len(told) < 19):
        raise Problem(
            "invalid", "BAD_REQUEST", "Last-Event-ID is the id of an event of this stream, a number"
        )
    return int(told)


class Streams:
    """The open streams of one process."""

    def __init__(
        self, heartbeat: float = HEARTBEAT_SECONDS, most_per_user: int = MAX_STREAMS_PER_USER
    ) -> None:
        self._heartbeat = heartbeat
        self._most = most_per_user
        self._draining = asyncio.Event()
        self._open: Counter[Hashable] = Counter()

    def drain(self) -> None:
        """End all streams: their clients come back to somebody else, behind what they have seen."""
        self._draining.set()

    async def drained(self) -> None:
        """Wait until this process leaves: what waits for something else has to answer then, too."""
        await self._draining.wait()

    def open(self, user: Hashable) -> int:
        """How many streams of this user are open."""
        return self._open[user]

    def response(self, events: AsyncIterator[Event], user: Hashable) -> StreamingResponse:
        """An answer that sends these events as they come. Raises TOO_MANY_STREAMS."""
        if self._open[user] >= self._most:
            said = f"at most {self._most} streams of one user are open at a time; close one"
            raise Problem("exhausted", "TOO_MANY_STREAMS", said)
        self._open[user] += 1
        return _Stream(self._frames(events), self._open, user)

    async def _frames(self, events: AsyncIterator[Event]) -> AsyncGenerator[str, None]:
        yield f"retry: {RETRY_MS}\n\n"
        leaving = asyncio.ensure_future(self._draining.wait())
        coming = asyncio.ensure_future(_next(events))
        try:
            while not leaving.done():
                await asyncio.wait({leaving, coming}, timeout=self._heartbeat, return_when="FIRST_COMPLETED")
                if not coming.done():
                    if not leaving.done():
                        yield _HEARTBEAT
                    continue
                event = coming.result()
                if event is None:
                    return
                yield event.encoded()
                coming = asyncio.ensure_future(_next(events))
        finally:
            leaving.cancel()
            coming.cancel()
            await asyncio.gather(leaving, coming, return_exceptions=True)
            if isinstance(events, AsyncGenerator):
                await events.aclose()


class _Stream(StreamingResponse):
    """Counts itself as long as it is open."""

    def __init__(self, frames: AsyncGenerator[str, None], counted: Counter[Hashable], user: Hashable) -> None:
        super().__init__(frames, media_type="text/event-stream", headers=HEADERS)
        self._frames = frames
        self._counted = counted
        self._user = user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it to its end, or until the client goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._frames.aclose()
            self._counted[self._user] -= 1
            if not self._counted[self._user]:
                del self._counted[self._user]


async def _next(events: AsyncIterator[Event]) -> Event | None:
    """The next event; None at the end."""
    return await anext(events, None)
