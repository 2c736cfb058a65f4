"""How an order's history is followed: by events, or by asking again where events do not come through.

Both are WatchOrder behind a version, so who changes from one to the other, or comes back after a restart of
anybody, is told everything once, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bff.mobile import screens
from bff.mobile.backends import Backends
from bff.mobile.schemas import News
from kit.channels import CALL_SECONDS
from kit.http_errors import shown
from kit.sse import Event, Streams
from ordermesh.orders.v1 import orders_pb2

LONGEST_WAIT = 25
"""Seconds; proxies of mobile networks cut off what is silent for half a minute."""


async def events(order_id: str, after: int, backends: Backends) -> AsyncGenerator[Event, None]:
    """Each entry behind a version as an event with the version as its id, then `end`. A stream that stops
    without `end` is to be resumed.
    """
    try:
        async with aclosing(backends.watch(order_id, after)) as statuses:
            async for entry in statuses:
                yield Event(screens.status(entry).encoded(), "status", str(entry.version))
    except Exception as error:  # the answer has begun: what is left is to say it in the log and stop
        shown(error)
        return
    yield Event(name="end")


async def news(order: orders_pb2.Order, after: int, wait: int, backends: Backends, streams: Streams) -> News:
    """What lies behind a version: at once if there is something, else as soon as there is, else nothing when
    the time is up or this process leaves.
    """
    known = order.version > after
    found: list[orders_pb2.OrderStatus] = []
    async with aclosing(backends.watch(order.order_id, after)) as statuses:

        async def read() -> bool:
            """Whether the history has ended; else all is read that there was when we were asked."""
            async for entry in statuses:
                found.append(entry)
                if entry.version >= order.version:
                    return False
            return True

        reading = asyncio.ensure_future(read())
        leaving = asyncio.ensure_future(streams.drained())
        try:
            seconds = max(wait, CALL_SECONDS) if known else wait
            await asyncio.wait({reading, leaving}, timeout=seconds, return_when="FIRST_COMPLETED")
            ended = reading.done() and reading.result()
        finally:
            reading.cancel()
            leaving.cancel()
            await asyncio.gather(reading, leaving, return_exceptions=True)
    return News(entries=[screens.status(entry) for entry in found], done=ended or None)
