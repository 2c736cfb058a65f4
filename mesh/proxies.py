"""The proxies that are connected, and how far each has taken up what it was told."""

from __future__ import annotations

from collections.abc import Iterator
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
    types: dict[str, Told] = field(default_factory=dict)

    @property
    def in_step(self) -> bool:
        """It has taken up everything that it was told."""
        return all(told.in_step for told in self.types.values())


class Proxies:
    """Those that are connected now. A stream that is lost takes its proxy from here, and nothing else."""

    def __init__(self) -> None:
        self._connected: dict[int, Proxy] = {}

    @contextmanager
    def connected(self, node: Node) -> Iterator[Proxy]:
        """A proxy for the length of its stream; one that comes back may overlap with itself."""
        proxy = Proxy(node)
        self._connected[id(proxy)] = proxy
        try:
            yield proxy
        finally:
            del self._connected[id(proxy)]

    def all(self) -> list[Proxy]:
        """Every connected proxy, by name."""
        return sorted(self._connected.values(), key=lambda proxy: proxy.node.node_id)
