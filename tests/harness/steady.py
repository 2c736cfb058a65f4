"""Calls without a pause, by several callers at once, while a test does something else."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


class Steady:
    """What came of the calls so far."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.calls = 0
        self._lock = threading.Lock()

    def note(self, answer: str) -> None:
        """One call's answer: OK, or what was wrong."""
        with self._lock:
            self.calls += 1
            self.answers[answer] += 1

    @property
    def failed(self) -> dict[str, int]:
        """Answers that are not OK, with their number."""
        return {answer: count for answer, count in self.answers.items() if answer != "OK"}


@contextmanager
def steadily(callers: Sequence[Callable[[], str]]) -> Iterator[Steady]:
    """Each of the callers calls again and again for the length of a block; then all of them are answered."""
    found, over = Steady(), threading.Event()

    def call(caller: Callable[[], str]) -> None:
        while not over.is_set():
            found.note(caller())

    with ThreadPoolExecutor(len(callers)) as pool:
        running = [pool.submit(call, caller) for caller in callers]
        try:
            yield found
        finally:
            over.set()
        for one in running:
            one.result()
