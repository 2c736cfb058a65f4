"""Puts the records of several partitions into one order that makes sense to a reader.

Across partitions by time, but never against the order of a partition, which is that of a key's events. In
history the earliest record is known once every partition shows its next one. Behind that nobody knows what
is still to come: a record waits for a moment, so that one that happened before it can go first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Generic, TypeVar

Item = TypeVar("Item")
Place = tuple[str, int]


class Merge(Generic[Item]):
    """Takes items partition by partition, gives them in one order. Times of arrival are seconds."""

    def __init__(self, history_of: Iterable[Place], hold_seconds: float) -> None:
        self._unfinished = set(history_of)
        self._hold = hold_seconds
        self._waiting: dict[Place, deque[tuple[datetime, float, Item]]] = {}

    @property
    def in_history(self) -> bool:
        """Whether the end of what there was is not reached yet, in some partition."""
        return bool(self._unfinished)

    def add(self, place: Place, item: Item, time: datetime, arrived: float) -> int:
        """The next item of a partition; how many of this partition are waiting now."""
        queue = self._waiting.setdefault(place, deque())
        queue.append((time, arrived, item))
        return len(queue)

    def finished(self, place: Place) -> None:
        """A partition has shown all of its history."""
        self._unfinished.discard(place)

    def waiting(self, place: Place) -> int:
        """How many items of a partition are waiting."""
        return len(self._waiting.get(place, ()))

    def ready(self, now: float, everything: bool = False) -> Iterator[Item]:
        """The items whose turn has come; with `everything` all of them."""
        while self._waiting and (everything or self._knows(now)):
            # the first added of equals: the order is stable
            place = min(self._waiting, key=lambda place: self._waiting[place][0][0])
            yield self._waiting[place].popleft()[2]
            if not self._waiting[place]:
                del self._waiting[place]

    def _knows(self, now: float) -> bool:
        if self._unfinished:
            return self._unfinished <= self._waiting.keys()
        return any(queue[0][1] <= now - self._hold for queue in self._waiting.values())
