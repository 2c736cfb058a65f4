"""One call through two sidecars, and what it was answered; and a word with a sidecar's admin."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kit.channels import UNSENT_HEADER
from mesh.policy import Policy, Traffic
from mesh.tests.fleet import Fleet, Inventory
from mesh.tests.policies import policy, without_extras
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1 import inventory_service_pb2_grpc

SECONDS = 20.0
PLAIN = without_extras(policy())
TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass(frozen=True)
class Answer:
    """How a call ended."""

    code: grpc.StatusCode
    headers: dict[str, Any]

    @property
    def unsent(self) -> bool:
        """A proxy said that the application has not heard it."""
        return self.headers.get(UNSENT_HEADER) == "1"


async def answer(mesh: Fleet, metadata: tuple[tuple[str, str], ...] = (), timeout: float = 5) -> Answer:
    """Orders asks inventory to reserve."""
    async with mesh.channel("orders-1", "inventory") as channel:
        return await answered(channel, metadata, timeout)


async def answered(
    channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...] = (), timeout: float = 5
) -> Answer:
    """Whoever has this channel asks inventory to reserve."""
    call = inventory_service_pb2_grpc.InventoryServiceStub(channel).ReserveStock(
        pb.ReserveStockRequest(), timeout=timeout, metadata=metadata
    )
    with suppress(grpc.aio.AioRpcError):
        await call
    headers = [*(await call.initial_metadata() or ()), *(await call.trailing_metadata() or ())]
    return Answer(await call.code(), dict(headers))


async def eventually(work: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(SECONDS):
        while not await work():  # noqa: ASYNC110 - a proxy has no event to wait for
            await asyncio.sleep(0.05)


async def until(mesh: Fleet, code: grpc.StatusCode, *, unsent: bool = False) -> None:
    """Ask until this is the answer."""

    async def now() -> bool:
        found = await answer(mesh)
        return found.code is code and found.unsent == unsent

    await eventually(now)


class Held(Inventory):
    """An inventory that keeps a call until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = False
        self.heard = asyncio.Event()
        self.go = asyncio.Event()
        self.stop: Callable[[float], Awaitable[None]] = asyncio.sleep  # of its server, once there is one

    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Any) -> pb.ReserveStockResponse:
        if self.holds:
            self.heard.set()
            await self.go.wait()
        return await super().ReserveStock(request, context)


async def application(mesh: Fleet, servicer: Inventory, name: str = "inventory-1") -> grpc.aio.Server:
    """A server behind a sidecar, to be stopped by the test."""
    server = grpc.aio.server()
    inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server(servicer, server)
    await servicer.health.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer.health, server)
    server.add_insecure_port(f"unix:{mesh.folder / name}.app")
    await server.start()
    return server


async def ask_admin(mesh: Fleet, name: str, path: str, method: str = "GET") -> str:
    """What a sidecar's admin says."""
    return await asyncio.to_thread(_ask, mesh.folder / f"{name}.admin", path, method)


def _ask(admin: Path, path: str, method: str) -> str:
    connection = http.client.HTTPConnection("sidecar")
    with socket.socket(socket.AF_UNIX) as connection.sock:
        connection.sock.settimeout(SECONDS)
        connection.sock.connect(str(admin))
        connection.request(method, path)
        return connection.getresponse().read().decode()


def tried(found: Policy, attempts: int, **changes: Any) -> Policy:
    """The same, with so many second tries of inventory's methods; `changes` are of its traffic."""
    traffic: Traffic = replace(found.traffic["inventory"], **changes)
    methods = {name: replace(of, attempts=attempts) for name, of in traffic.methods.items()}
    return replace(found, traffic={**found.traffic, "inventory": replace(traffic, methods=methods)})
