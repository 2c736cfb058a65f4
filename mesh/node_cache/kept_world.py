"""The world as each node has known it last; it does not change while it is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime

from kit.errors import Problem
from kit.logs import log
from mesh.kept_snapshots import Kept, KeptSnapshots
from mesh.private_files import TooOpen, Unreadable
from mesh.proxies import Node
from mesh.snapshot import Snapshot


class KeptWorld:
    """What is on the disk for each node, read once for each stream.

    A node whose certificate has ended is told nothing: its peers would refuse it, and one that comes up and
    is refused everywhere is harder to understand than one that does not come up, and says why.
    """

    def __init__(self, kept: KeptSnapshots, now: Callable[[], datetime]) -> None:
        self._kept = kept
        self._now = now
        self._read: dict[str, Snapshot] = {}

    @property
    def changes(self) -> int:
        """It never changes."""
        return 0

    def check(self, node: Node) -> None:
        """Read what is kept for a node that has been admitted; raises a Problem unless it can be used."""
        kept = self._of(node)
        if kept is None:
            raise Problem("unavailable", "NOTHING_KEPT", "this node has never taken a snapshot in full")
        if replace(kept.node, version=node.version) != node:
            raise Problem("unavailable", "NODE_MOVED", "this node had other addresses when it was last told")
        if kept.expires is not None and kept.expires <= self._now():
            raise Problem("unavailable", "CERTIFICATE_EXPIRED", "only the control plane can make a new one")
        self._read[node.node_id] = kept.snapshot

    def snapshot(self, node: Node) -> Snapshot:
        """What this node had taken."""
        return self._read[node.node_id]

    def present(self, node: Node) -> nullcontext[None]:
        """Nobody hears of it."""
        return nullcontext()

    @contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """An event that no change sets."""
        yield asyncio.Event()

    def _of(self, node: Node) -> Kept | None:
        try:
            return self._kept.read(node.node_id)
        except (Unreadable, TooOpen) as error:
            log().error("kept_snapshot_refused", node=node.node_id, detail=str(error))
            return None
