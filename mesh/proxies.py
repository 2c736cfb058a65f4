"""The proxies that are connected, and how far each has taken up what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    """One proxy: its own name, the workload that it stands beside, and where it takes calls."""

    node_id: str
    workload: str
    host: str = ""
    port: int = 0  # 0: nobody calls this workload
    egress: str = ""  # path of the socket where its application calls others
    application: str = ""  # path of the socket where its application is called; empty if nobody does
    version: str = ""  # of the application

    @property
    def address(self) -> str:
        """Where other proxies call it; empty if they do not."""
        return f"{self.host}:{self.port}" if self.port else ""


@dataclass
class Told:
    """One type of resource at one proxy. `refused` is its own word, until a later version is taken."""

    sent: str = ""
    taken: str = ""
    refused: str = ""
    refusals: int = 0

    @property
    def in_step(self) -> bool:
        """It has what it was sent last."""
        return self.sent == self.taken and not self.refused


@dataclass
class Proxy:
    """One connected proxy; `types` by the last part of their type's name."""

    node: Node
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Wakes its stream."""
    types: dict[str, Told] = field(default_factory=dict)
    told: int = -1
    """It was sent everything up to this change of the world."""
    whole: bool = False
    """It has asked for everything that there is for it, and has taken it up."""
    ended: bool = False

    @property
    def in_step(self) -> bool:
        """It has taken up everything that it was told."""
        return all(told.in_step for told in self.types.values())

    def has_taken(self, change: int, type_name: str) -> bool:
        """Whether it has taken up what this change of the world means for one type of resource.

        One that has just come has not asked for every type yet, and goes on with what it had.
        """
        known = self.types.get(type_name)
        return self.told >= change and (known.in_step if known else self.whole)

    def end(self) -> None:
        """End its stream; what it has stays with it."""
        self.ended = True
        self.news.set()


class Proxies:
    """Those that are connected now. A stream that is lost takes its proxy from here, and nothing else."""

    def __init__(self) -> None:
        self._connected: dict[int, Proxy] = {}
        self._waiting: set[asyncio.Event] = set()

    @contextmanager
    def connected(self, node: Node, news: asyncio.Event) -> Iterator[Proxy]:
        """A proxy for the length of its stream; one that comes back may overlap with itself."""
        proxy = Proxy(node, news)
        self._connected[id(proxy)] = proxy
        self.moved()
        try:
            yield proxy
        finally:
            del self._connected[id(proxy)]
            self.moved()

    def all(self) -> list[Proxy]:
        """Every connected proxy, by name."""
        return sorted(self._connected.values(), key=lambda proxy: proxy.node.node_id)

    def newest(self) -> dict[str, Proxy]:
        """By node id; of one that overlaps with itself the stream that came last."""
        return {proxy.node.node_id: proxy for proxy in self._connected.values()}

    def end(self, node_id: str | None = None) -> None:
        """End the streams of one node, or of all."""
        for proxy in self._connected.values():
            if node_id in (None, proxy.node.node_id):
                proxy.end()

    def moved(self) -> None:
        """Some proxy has come, gone, or taken something up: whoever waits looks again."""
        for event in self._waiting:
            event.set()

    async def wait(self, behind: Callable[[], list[str]], seconds: float) -> list[str]:
        """Until nobody is behind, or the time is up: who is behind then."""
        moved = asyncio.Event()
        self._waiting.add(moved)
        try:
            async with asyncio.timeout(seconds):
                while behind():
                    moved.clear()
                    await moved.wait()
        except TimeoutError:
            return behind()
        finally:
            self._waiting.discard(moved)
        return []
