"""Instances that say who they are, and many calls of them at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import grpc

from mesh.tests.answers import Held
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1 import inventory_service_pb2_grpc

NAME = "x-instance"


class Named(Held):
    """An inventory whose answers say which it is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Any) -> pb.ReserveStockResponse:
        context.set_trailing_metadata(((NAME, self.name),))
        return await super().ReserveStock(request, context)

    async def GetStock(self, request: pb.GetStockRequest, context: Any) -> pb.GetStockResponse:
        context.set_trailing_metadata(((NAME, self.name),))
        if self.holds:
            self.heard.set()
            await self.go.wait()
        return await super().GetStock(request, context)

    def well(self) -> None:
        """Answer at once from now on."""
        self.fails, self.holds, self.heard, self.go = 0, False, asyncio.Event(), asyncio.Event()


@dataclass
class Heard:
    """What many calls were answered, and by whom."""

    codes: Counter[grpc.StatusCode] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)


async def load(
    channel: grpc.aio.Channel,
    calls: int,
    at_once: int = 1,
    method: str = "ReserveStock",
    metadata: tuple[tuple[str, str], ...] = (),
    timeout: float = 30,
) -> Heard:
    """So many calls over one connection, so many of them at once."""
    heard, left = Heard(), iter(range(calls))
    ask = getattr(inventory_service_pb2_grpc.InventoryServiceStub(channel), method)
    request = getattr(pb, f"{method}Request")()

    async def some(numbers: Iterable[int]) -> None:
        for _ in numbers:
            call = ask(request, timeout=timeout, metadata=metadata)
            with suppress(grpc.aio.AioRpcError):
                await call
            heard.codes[await call.code()] += 1
            said = dict(await call.trailing_metadata() or ())
            if NAME in said:
                heard.names[str(said[NAME])] += 1

    await asyncio.gather(*(some(left) for _ in range(at_once)))
    return heard
