"""The parts of a service that has to do with events, put together."""

import asyncio
from typing import Any

import pytest

from kit import eventing
from kit.background import Background
from kit.dispatch import Subscription
from kit.eventing import Eventing


async def test_a_reader_that_ends_by_an_error_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    second = asyncio.Event()

    class Reader:
        def __init__(self, address: str, dispatcher: object) -> None:
            self.stopped = asyncio.Event()
            made.append(self)

        async def run(self) -> None:
            if len(made) == 1:
                raise UnicodeDecodeError("utf-8", b"x", 0, 1, "what no one has thought of")
            second.set()
            await self.stopped.wait()

        def stop(self) -> None:
            self.stopped.set()

    monkeypatch.setattr(eventing, "Consumer", Reader)
    monkeypatch.setattr(eventing, "AGAIN_SECONDS", 0.0)
    database: Any = None
    background = Background()
    events = Eventing("test", database, "127.0.0.1:1", background, publishes=False)
    events.consume(Subscription("test", ["t"], []))
    events.start()
    async with asyncio.timeout(5):
        await second.wait()
        await events.stop()
    assert len(made) == 2
    await background.drain(1)
    events.close(0)
