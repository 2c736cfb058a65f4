"""Wakes, inside this process, those who watch an order: no polling where people wait."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID


class Watch:
    """One watcher of one order. It begins before the first look, so that no change is missed."""

    def __init__(self) -> None:
        self.news = asyncio.Event()

    async def changed(self, seconds: float) -> None:
        """Return when the order may have changed since the last look, at the latest after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self.news.wait()
        except TimeoutError:
            return
        self.news.clear()


class ChangeHub:
    """Knows who watches which order."""

    def __init__(self) -> None:
        self._watches: dict[UUID, set[Watch]] = {}

    def tell(self, order_id: UUID) -> None:
        """The order has changed."""
        for watch in self._watches.get(order_id, ()):
            watch.news.set()

    @contextmanager
    def watching(self, order_id: UUID) -> Iterator[Watch]:
        """Watch an order for the length of a block."""
        watch = Watch()
        self._watches.setdefault(order_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[order_id].discard(watch)
            if not self._watches[order_id]:
                del self._watches[order_id]
