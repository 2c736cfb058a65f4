"""The control plane as the engine of its process: serves proxies, renews certificates, follows the policy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import grpc
from envoy.service.discovery.v3 import ads_pb2_grpc

from mesh.ads import AdsServicer
from mesh.authority import Authority
from mesh.join import JoinCredentials
from mesh.policy import Policy
from mesh.policy_watch import PolicyWatch
from mesh.proxies import Proxies
from mesh.registry import Registry
from mesh.settings import Settings
from mesh.snapshot import Snapshot
from mesh.world import World

_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
]


class ControlPlane:
    """One control plane. Proxies go on with what they have while it is away."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        directory = settings.directory
        self.proxies = Proxies()
        self.watch = PolicyWatch(settings.policy, directory, settings.envoy)
        self.authority = Authority(directory / "authority", now)
        self._join = JoinCredentials(directory / "join")
        self._listen = settings.xds_listen
        registry = Registry(directory / "registry.json", self._changed)
        self.world = World(self.watch.first(), registry, self.authority, settings.leaf, now)
        self._server: grpc.aio.Server | None = None

    async def open(self) -> None:
        """Serve the proxies. Raises RuntimeError when the address is taken."""
        self._server = grpc.aio.server(options=_OPTIONS)
        servicer = AdsServicer(self.world, self._join, self.proxies)
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(servicer, self._server)
        self._server.add_insecure_port(self._listen)
        await self._server.start()

    async def check(self) -> None:
        """It is well as long as it runs: it stands on nothing else."""

    async def close(self) -> None:
        """End the streams; the proxies go on with what they have."""
        if self._server is not None:
            await self._server.stop(0)

    async def renew(self) -> None:
        """A round: certificates at half of their life are made anew."""
        self.world.renew()

    async def look(self) -> None:
        """A round: the policy's file may have changed."""
        await self.watch.look(self._told, self.world.obeys)

    def _told(self, policy: Policy) -> list[Snapshot]:
        """What the connected proxies would be told."""
        return [self.world.preview(proxy.node, policy) for proxy in self.proxies.all()]

    def _changed(self) -> None:
        self.world.changed()
