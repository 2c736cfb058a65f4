"""A control plane and real sidecars beside real gRPC servers, for tests of what is really let through."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

import grpc
from envoy.service.discovery.v3 import ads_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from mesh.ads import AdsServicer
from mesh.authority import Authority
from mesh.join import JoinCredentials
from mesh.policy import Policy
from mesh.proxies import Proxies
from mesh.registry import Registry
from mesh.world import World
from ordermesh.inventory.v1 import inventory_pb2, inventory_service_pb2_grpc
from ordermesh.inventory.v1 import inventory_service_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
ENVOY = ROOT / "var" / "venv" / "servers" / "bin" / "envoy"
BOOTSTRAP = Template((ROOT / "envoy" / "sidecar.yaml").read_text())
READY_SECONDS = 20.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Inventory(inventory_service_pb2_grpc.InventoryServiceServicer):
    """Holds whatever it is asked for, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = 0
        self.who: list[str] = []

    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Any) -> pb.ReserveStockResponse:
        self.asked.append("ReserveStock")
        self.who.append(str(dict(context.invocation_metadata() or ()).get("x-forwarded-client-cert", "")))
        if self.fails:
            self.fails -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return pb.ReserveStockResponse(
            reservation=inventory_pb2.Reservation(state=inventory_pb2.RESERVATION_STATE_RESERVED)
        )

    async def ReleaseStock(self, request: pb.ReleaseStockRequest, context: Any) -> pb.ReleaseStockResponse:
        self.asked.append("ReleaseStock")
        return pb.ReleaseStockResponse()

    async def CommitStock(self, request: pb.CommitStockRequest, context: Any) -> pb.CommitStockResponse:
        self.asked.append("CommitStock")
        return pb.CommitStockResponse()

    async def GetStock(self, request: pb.GetStockRequest, context: Any) -> pb.GetStockResponse:
        self.asked.append("GetStock")
        return pb.GetStockResponse()

    async def Restock(self, request: pb.RestockRequest, context: Any) -> pb.RestockResponse:
        self.asked.append("Restock")
        return pb.RestockResponse()


class Fleet:
    """The control plane of a test, and the sidecars that it has started."""

    def __init__(self, folder: Path, policy: Policy, lifetime: timedelta) -> None:
        self.folder = folder
        self.port = free_port()
        self.authority = Authority(folder / "ca", lambda: datetime.now(UTC))
        self.join = JoinCredentials(folder / "join")
        self.proxies = Proxies()
        self.registry = Registry(folder / "registry.json", lambda: self.world.changed())
        self.world = World(policy, self.registry, self.authority, lifetime, lambda: datetime.now(UTC))
        self.server: grpc.aio.Server | None = None
        self._stack = AsyncExitStack()

    async def start_control_plane(self) -> None:
        """Serve the proxies; the same port each time."""
        self.server = grpc.aio.server()
        servicer = AdsServicer(self.world, self.join, self.proxies)
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(servicer, self.server)
        self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self.server.start()

    async def stop_control_plane(self) -> None:
        """As if it had died."""
        if self.server is not None:
            await self.server.stop(0)
            self.server = None

    async def serve(self, inventory: Inventory, name: str = "inventory-1") -> None:
        """A gRPC server on the socket of an instance's application."""
        server = grpc.aio.server()
        inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server(inventory, server)
        checks = health.aio.HealthServicer()
        await checks.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
        server.add_insecure_port(f"unix:{self.folder / name}.app")
        await server.start()
        self._stack.push_async_callback(server.stop, 0)

    async def sidecar(self, workload: str, name: str, version: str = "", port: int = 0) -> int:
        """Start one; returns the port of its inbound listener."""
        port = port or free_port()
        token = self.folder / f"{name}.token"
        self.join.hand_out(name, workload, token)
        bootstrap = self.folder / f"{name}.yaml"
        bootstrap.write_text(
            BOOTSTRAP.substitute(
                node_id=name,
                workload=workload,
                host="127.0.0.1",
                port=port,
                egress=self.folder / f"{name}.egress",
                application=self.folder / f"{name}.app",
                version=version,
                admin=self.folder / f"{name}.admin",
                credential=token.read_text(),
                control_host="127.0.0.1",
                control_port=self.port,
            )
        )
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        log = (self.folder / f"{name}.log").open("wb")
        process = await asyncio.create_subprocess_exec(
            str(ENVOY), "-c", str(bootstrap), "--concurrency", "1", "--disable-hot-restart",
            "--log-level", "warning", env=clean, stdout=log, stderr=log,
        )  # fmt: skip

        async def stop() -> None:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            log.close()

        self._stack.push_async_callback(stop)
        return port

    def channel(self, name: str, authority: str) -> grpc.aio.Channel:
        """As an application calls others: by its sidecar's egress."""
        return grpc.aio.insecure_channel(
            f"unix:{self.folder / name}.egress", options=[("grpc.default_authority", authority)]
        )

    async def close(self) -> None:
        """Stop everything."""
        await self._stack.aclose()
        await self.stop_control_plane()


@asynccontextmanager
async def fleet(folder: Path, policy: Policy, lifetime: timedelta) -> AsyncIterator[Fleet]:
    """A fleet for the length of a block."""
    made = Fleet(folder, policy, lifetime)
    await made.start_control_plane()
    try:
        yield made
    finally:
        await made.close()
