"""Work that goes on beside the requests: tasks that outlive a call, and rounds that come back."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from kit import telemetry
from kit.logs import log


class Background:
    """The background work of one process; a drain lets it finish."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._rounds: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` to its end, whatever becomes of the caller; a failure is logged, not raised."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def every(self, seconds: float, work: Callable[[], Awaitable[Any]], name: str) -> None:
        """Run `work` again and again, `seconds` apart; a round that fails does not end the rounds."""
        self._rounds.append(asyncio.get_running_loop().create_task(_rounds(seconds, work, name), name=name))

    async def drain(self, seconds: float) -> None:
        """Stop the rounds, give spawned work `seconds` to finish, cancel what is left."""
        for task in self._rounds:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = [*self._rounds, *self._tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log().warning("background_task_failed", task=task.get_name(), exc_info=task.exception())


async def _rounds(seconds: float, work: Callable[[], Awaitable[Any]], name: str) -> None:
    while True:
        telemetry.begin()
        try:
            await work()
        except Exception as error:  # the next round must come
            log().warning(
                "round_failed", task=name, error=type(error).__name__, reason=getattr(error, "reason", "")
            )
        await asyncio.sleep(seconds)
