"""Calls from one sidecar to another: one at a time until something holds, or many all the while."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh.tests.answers import SECONDS, ask_admin, eventually
from mesh.tests.fleet import Fleet
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1 import inventory_service_pb2_grpc
from ordermesh.mesh.v1 import mesh_service_pb2_grpc


async def code(mesh: Fleet, method: str = "ReserveStock") -> grpc.StatusCode:
    """What orders is answered by inventory, over a new connection."""
    async with mesh.channel("orders-1", "inventory") as channel:
        stub = inventory_service_pb2_grpc.InventoryServiceStub(channel)
        try:
            await getattr(stub, method)(getattr(pb, f"{method}Request")(), timeout=5)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK


async def answers(mesh: Fleet, expected: grpc.StatusCode, method: str = "ReserveStock") -> None:
    """Wait until a call is answered so."""

    async def now() -> bool:
        return await code(mesh, method) is expected

    await eventually(now)


async def in_step(mesh: Fleet, count: int) -> None:
    """Wait until so many proxies are connected and have taken everything."""

    async def now() -> bool:
        proxies = mesh.proxies.newest().values()
        return len(proxies) == count and all(
            "Secret" in one.types and one.told >= mesh.world.changes and one.in_step for one in proxies
        )

    await eventually(now)


class Load:
    """Calls that do not cease, and how they ended."""

    def __init__(self, mesh: Fleet, callers: int) -> None:
        self._mesh = mesh
        self._ended = [0] * callers
        self._stop = asyncio.Event()
        self.codes: Counter[grpc.StatusCode] = Counter()

    async def some_more(self, number: int = 20) -> None:
        """Wait until so many more calls have ended."""
        wanted = self.codes.total() + number

        async def now() -> bool:
            return self.codes.total() >= wanted

        await eventually(now)

    async def those_under_way(self) -> None:
        """Wait until every call that has begun has ended."""
        before = list(self._ended)

        async def now() -> bool:
            return all(after > count for after, count in zip(self._ended, before, strict=True))

        await eventually(now)

    async def run(self) -> None:
        """Until `stop`."""
        async with asyncio.TaskGroup() as group:
            for caller in range(len(self._ended)):
                group.create_task(self._calls(caller))

    def stop(self) -> None:
        """Let the calls that are under way end, and make no more."""
        self._stop.set()

    async def _calls(self, caller: int) -> None:
        while not self._stop.is_set():
            self.codes[await code(self._mesh)] += 1
            self._ended[caller] += 1


@asynccontextmanager
async def load(mesh: Fleet, callers: int = 2) -> AsyncIterator[Load]:
    """Calls for the length of a block, not one of which may fail."""
    made = Load(mesh, callers)
    running = asyncio.create_task(made.run())
    try:
        await made.some_more()
        yield made
        await made.some_more()
    finally:
        made.stop()
        await running
    assert set(made.codes) == {grpc.StatusCode.OK}, made.codes


class Watched:
    """A stream between two sidecars that stays open: the health of inventory, as orders watches it."""

    def __init__(self, channel: grpc.aio.Channel, service: str = "") -> None:
        stub: Any = health_pb2_grpc.HealthStub(cast("Any", channel))
        self._stream = stub.Watch(health_pb2.HealthCheckRequest(service=service))

    async def hear(self) -> int:
        """The next word on it; raises if the stream has ended."""
        answer = await asyncio.wait_for(self._stream.read(), SECONDS)
        assert isinstance(answer, health_pb2.HealthCheckResponse), answer
        return answer.status


@asynccontextmanager
async def operator(mesh: Fleet) -> AsyncIterator[mesh_service_pb2_grpc.MeshServiceAsyncStub]:
    """The operator's API, over its socket."""
    async with grpc.aio.insecure_channel(f"unix:{mesh.api}") as channel:
        yield mesh_service_pb2_grpc.MeshServiceStub(channel)


async def endpoints(mesh: Fleet, name: str, cluster: str) -> int:
    """How many endpoints a sidecar knows of a cluster, as its admin says; -1 if it has no such cluster."""
    told = await ask_admin(mesh, name, "/clusters?format=json")
    for found in json.loads(told).get("cluster_statuses", []):
        if found["name"] == cluster:
            return len(found.get("host_statuses", []))
    return -1


async def healthy(mesh: Fleet, name: str, cluster: str) -> int:
    """How many endpoints of a cluster a sidecar would call: well by its own checks, and not drained."""
    path = f"/stats?filter=^cluster.{cluster}.membership_healthy$"
    told = await ask_admin(mesh, name, path)
    return int(told.partition(": ")[2] or -1)
