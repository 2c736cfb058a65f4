"""A control plane and real sidecars beside real gRPC servers, for tests of what is really let through."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

import grpc
import yaml
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from kit.background import Background
from kit.interceptors import Guard
from kit.server import Server
from mesh import private_files
from mesh.authority import Authority
from mesh.control_plane import ControlPlane
from mesh.node_cache.cache import NodeCache
from mesh.node_cache.settings import Settings as CacheSettings
from mesh.policy import Policy
from mesh.policy_watch import PolicyWatch
from mesh.proxies import Proxies
from mesh.registry import Registry
from mesh.rpc import SERVICE, MeshServicer
from mesh.settings import Settings
from mesh.snapshot import Snapshot
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
        self.health = health.aio.HealthServicer()
        self.who: list[str] = []

    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Any) -> pb.ReserveStockResponse:
        self.asked.append("ReserveStock")
        self.who.append(str(dict(context.invocation_metadata() or ()).get("x-forwarded-client-cert", "")))
        await self._fail(context)
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
        await self._fail(context)
        return pb.GetStockResponse()

    async def Restock(self, request: pb.RestockRequest, context: Any) -> pb.RestockResponse:
        self.asked.append("Restock")
        return pb.RestockResponse()

    async def _fail(self, context: Any) -> None:
        if self.fails:
            self.fails -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")


class Told(PolicyWatch):
    """A policy that a test sets, in place of a file."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.mistakes = ""

    def first(self) -> Policy:
        return self.policy

    async def look(
        self, snapshots: Callable[[Policy], list[Snapshot]], obey: Callable[[Policy], None]
    ) -> None:
        """The test says when it changes."""


class Fleet:
    """The control plane of a test with its node cache, and the sidecars that it has started."""

    def __init__(self, folder: Path, policy: Policy, lifetime: timedelta) -> None:
        self.folder = folder
        self.every_number = False  # counted by the sidecars that are started from now on
        run = folder / "run"
        self.control, self.cache_socket, self.api = run / "xds", run / "cache", run / "api"
        self._told = Told(policy)
        self._settings = Settings(
            listen=f"unix:{self.api}",
            xds_listen=f"unix:{self.control}",
            directory=folder / "mesh",
            policy=folder / "no-file",
            leaf=lifetime,
        )
        self.plane: ControlPlane
        self.cache: NodeCache
        self._serving: AsyncExitStack | None = None
        self._caching: AsyncExitStack | None = None
        self._sidecars: dict[str, asyncio.subprocess.Process] = {}
        self._stack = AsyncExitStack()

    @property
    def world(self) -> World:
        """What the control plane knows now; another one after a restart."""
        return self.plane.world

    @property
    def authority(self) -> Authority:
        """Its certificate authority."""
        return self.plane.authority

    @property
    def registry(self) -> Registry:
        """Its instances."""
        return self.plane.registry

    @property
    def proxies(self) -> Proxies:
        """Those that are connected to it."""
        return self.plane.proxies

    def obeys(self, policy: Policy) -> None:
        """Change the policy, also for a control plane that is started later."""
        self._told.policy = policy
        if self._serving is not None:
            self.world.obeys(policy)

    async def start_control_plane(self) -> None:
        """Serve the proxies and the operator; it knows what is on the disk, and no more."""
        self.plane = ControlPlane(self._settings, self._told, lambda: datetime.now(UTC))
        async with AsyncExitStack() as stack:
            await self.plane.open()
            stack.push_async_callback(self.plane.close)
            server = Server(self._settings.listen, Guard("mesh", None), {SERVICE: MeshServicer(self.plane)})
            await server.start()
            stack.push_async_callback(server.stop, 0)
            background = Background()
            background.every(0.1, self.plane.keep, "keep")
            background.every(0.1, self.plane.renew, "renew")
            stack.push_async_callback(background.drain, 0)
            self._serving = stack.pop_all()

    async def stop_control_plane(self) -> None:
        """As if it had died."""
        if self._serving is not None:
            await self._serving.aclose()
            self._serving = None

    async def start_cache(self) -> None:
        """Stand in for the control plane while it is away."""
        settings = CacheSettings(
            listen=f"unix:{self.folder}/run/cache-health",
            xds_listen=f"unix:{self.cache_socket}",
            control_plane=f"unix:{self.control}",
            directory=self.folder / "mesh",
        )
        self.cache = NodeCache(settings, lambda: datetime.now(UTC))
        async with AsyncExitStack() as stack:
            await self.cache.open()
            stack.push_async_callback(self.cache.close)
            background = Background()
            background.every(0.1, self.cache.look, "look")
            stack.push_async_callback(background.drain, 0)
            self._caching = stack.pop_all()
        self._stack.push_async_callback(self.stop_cache)

    async def stop_cache(self) -> None:
        """As if it had died."""
        if self._caching is not None:
            await self._caching.aclose()
            self._caching = None

    async def serve(self, inventory: Inventory, name: str = "inventory-1") -> None:
        """A gRPC server on the socket of an instance's application."""
        server = grpc.aio.server()
        inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server(inventory, server)
        await inventory.health.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(inventory.health, server)
        server.add_insecure_port(f"unix:{self.folder / name}.app")
        await server.start()
        self._stack.push_async_callback(server.stop, 0)

    async def sidecar(self, workload: str, name: str, version: str = "", port: int = 0) -> int:
        """Start one; returns the port of its inbound listener."""
        port = port or free_port()
        token = self.folder / f"{name}.token"
        self.plane.join.hand_out(name, workload, token)
        bootstrap = BOOTSTRAP.substitute(
            node_id=name,
            workload=workload,
            host="127.0.0.1",
            port=port,
            egress=self.folder / f"{name}.egress",
            application=self.folder / f"{name}.app",
            version=version,
            admin=self.folder / f"{name}.admin",
            credential=token.read_text(),
            control=self.control,
            cache=self.cache_socket,
        )
        if self.every_number:
            parts = yaml.safe_load(bootstrap)
            del parts["stats_config"]
            bootstrap = yaml.safe_dump(parts)
        private_files.write(self.folder / f"{name}.yaml", bootstrap)
        await self._launch(name)
        self._stack.push_async_callback(self.stop_sidecar, name)
        return port

    async def _launch(self, name: str) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        with (self.folder / f"{name}.log").open("ab") as log:
            self._sidecars[name] = await asyncio.create_subprocess_exec(
                str(ENVOY), "-c", str(self.folder / f"{name}.yaml"), "--concurrency", "1",
                "--disable-hot-restart", "--log-level", "warning", env=clean, stdout=log, stderr=log,
            )  # fmt: skip

    def signal_sidecar(self, name: str, number: int) -> None:
        """Send one a signal, such as to stand still."""
        self._sidecars[name].send_signal(number)

    async def ended(self, name: str) -> None:
        """Wait until one has ended by itself."""
        async with asyncio.timeout(READY_SECONDS):
            await self._sidecars[name].wait()

    async def stop_sidecar(self, name: str) -> None:
        """Kill one; nobody is told."""
        process = self._sidecars[name]
        if process.returncode is None:
            process.kill()  # also one that stands still
        await process.wait()

    async def restart_sidecar(self, name: str) -> None:
        """Kill one and start it again; it remembers nothing."""
        await self.stop_sidecar(name)
        await self._launch(name)

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
