"""A stream of numbered items that outlives the one who sends it: opened again behind the last one seen.

The items of one stream are numbered upwards without a gap, such as the versions of an order; whoever opens it
says after which number it is to go on. So nothing is missed or told twice, whoever restarts meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from google.protobuf.message import Message

from kit.channels import Peer, Unanswered

PATIENCE_SECONDS = 60.0
"""How long nobody may answer before we say so."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0

T = TypeVar("T")


async def resumed(
    opened: Callable[[int], AsyncGenerator[T, None]],
    number: Callable[[T], int],
    after: int = 0,
    patience: float = PATIENCE_SECONDS,
) -> AsyncGenerator[T, None]:
    """All items behind `after`, in order, to the end of the stream. Raises what `opened` raises, but
    Unanswered only when it has come again and again for so long.
    """
    loop = asyncio.get_running_loop()
    pause, last_seen = FIRST_PAUSE, loop.time()
    while True:
        began = loop.time()
        try:
            async with aclosing(opened(after)) as items:
                async for item in items:
                    if number(item) > after:
                        yield item
                        after = number(item)
                    pause, last_seen = FIRST_PAUSE, loop.time()
            return
        except Unanswered:
            if loop.time() - began > LONGEST_PAUSE:
                # longer than it takes to find nobody there: it was open, and there was nothing to tell
                pause, last_seen = FIRST_PAUSE, loop.time()
            if loop.time() - last_seen > patience:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def followed(
    peer: Peer,
    method: Callable[..., Any],
    asking: Callable[[int], Message],
    number: Callable[[Any], int],
    after: int = 0,
) -> AsyncGenerator[Any, None]:
    """The answers of a peer's streaming method, whichever instance tells them; `asking` makes the request for
    what lies behind a number. Raises what `Peer.stream` raises, as `resumed` says.
    """

    def opened(behind: int) -> AsyncGenerator[Any, None]:
        return peer.stream(method, asking(behind))

    async with aclosing(resumed(opened, number, after)) as answers:
        async for answer in answers:
            yield answer
