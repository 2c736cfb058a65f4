"""Which records of a partition are worked on, and up to where all are done: what may be committed.

Events of different keys are worked on side by side, so a later record may be done before an earlier one. Only
the offset behind the last gapless one is committed; a crash repeats what was done beyond it. Shared by the
thread that reads and the loop that works.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

Place = tuple[str, int]
"""A topic and one of its partitions."""


@dataclass
class _Partition:
    open: dict[int, bool] = field(default_factory=dict)  # offset → done, in the order of the offsets
    next: int = -1  # the offset to commit; -1 as long as nothing is done
    committed: int = -1


class Progress:
    """The partitions of one member."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._partitions: dict[Place, _Partition] = {}

    def taken(self, records: Iterable[tuple[Place, int]]) -> None:
        """These are being worked on from now, in the order of their offsets."""
        with self._changed:
            for place, offset in records:
                self._partitions.setdefault(place, _Partition()).open[offset] = False

    def done(self, place: Place, offset: int) -> None:
        """This one has had its effect. One of a partition that was given up counts no more."""
        with self._changed:
            found = self._partitions.get(place)
            if found is None or offset not in found.open:
                return
            found.open[offset] = True
            for first in list(found.open):
                if not found.open[first]:
                    break
                del found.open[first]
                found.next = first + 1
            self._changed.notify_all()

    def to_commit(self) -> dict[Place, int]:
        """Offsets that have moved since they were asked for last."""
        with self._changed:
            moved = {p: found.next for p, found in self._partitions.items() if found.next > found.committed}
            for place, offset in moved.items():
                self._partitions[place].committed = offset
            return moved

    def wait_below(self, count: int, seconds: float, places: Iterable[Place] | None = None) -> bool:
        """Block until fewer than `count` records are being worked on; False when the time is over."""
        chosen = None if places is None else set(places)
        until = time.monotonic() + seconds
        with self._changed:
            while self._open(chosen) >= count:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def _open(self, places: set[Place] | None) -> int:
        return sum(len(f.open) for place, f in self._partitions.items() if places is None or place in places)

    def forget(self, places: Iterable[Place]) -> None:
        """These partitions are somebody else's now."""
        with self._changed:
            for place in places:
                self._partitions.pop(place, None)
            self._changed.notify_all()
