"""Waits, with a bound, until what orders have set going has come to rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import asyncpg

from ops import event_parts, workflow_reading
from ops.broker import Broker
from ops.errors import SuiteError
from ops.event_parts import EventPart
from ops.suite import Suite

PAUSE_SECONDS = 0.5
OPEN = """select count(*) from orders where state not in ('CANCELLED', 'DELIVERED')
             and (state <> 'CONFIRMED' or flow <> 'STANDARD')"""


async def open_orders(suite: Suite, seconds: float) -> int:
    """Wait until no order is open; how many still are when the time is over. Raises SuiteError."""
    until = time.monotonic() + seconds
    try:
        connection = await asyncpg.connect(suite.database_url("orders"))
        try:
            while True:
                count = int(await connection.fetchval(OPEN))
                if not count or time.monotonic() > until:
                    return count
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise SuiteError(f"cannot read the records of orders ({error}); see `make status`") from error


def settled(suite: Suite, seconds: float) -> list[str]:
    """Wait for all that orders set going: workflows first, then events. Lines as of `events_heard`."""
    until = time.monotonic() + seconds
    lines = []
    try:
        running = _wait(lambda: workflow_reading.running(suite), seconds)
        lines += [f"  {running} workflows still run; their CPU is not counted"] if running else []
    except SuiteError as error:
        lines.append(f"  workflows may still run: {error}")
    return lines + events_heard(suite, until - time.monotonic())


def events_heard(suite: Suite, seconds: float) -> list[str]:
    """Wait until every event is sent and every consumer has heard it. Lines that say what is left when the
    time is over, or who cannot be asked; none if all is at rest.
    """
    broker = Broker(suite.address("kafka"))
    try:
        with event_parts.all_parts(suite) as parts:
            left = _wait(lambda: _backlog(parts, broker), seconds)
    except SuiteError as error:
        return [f"  events may be on their way: {error}"]
    return [f"  {left} events are still on their way; their CPU is not counted"] if left else []


def _backlog(parts: list[EventPart], broker: Broker) -> int:
    flows = [part.flow() for part in parts]
    reads = {each.consumer: list(each.topics) for flow in flows for each in flow.consumers}
    return sum(flow.unsent for flow in flows) + sum(broker.behind(reads).values())


def _wait(left: Callable[[], int], seconds: float) -> int:
    until = time.monotonic() + seconds
    while (count := left()) and time.monotonic() < until:
        time.sleep(PAUSE_SECONDS)
    return count
