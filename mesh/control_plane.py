"""The control plane as the engine of its process: serves proxies, renews certificates, follows the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from mesh.acknowledgements import Acknowledgements
from mesh.ads import AdsServicer
from mesh.ads_server import AdsServer, make_way
from mesh.authority import Authority
from mesh.join import JoinCredentials
from mesh.kept_snapshots import KeptSnapshots
from mesh.operations import Membership, Traffic
from mesh.policy import Policy
from mesh.policy_watch import PolicyWatch
from mesh.proxies import Proxies
from mesh.registry import Registry
from mesh.root_rotation import RootRotation
from mesh.settings import Settings
from mesh.snapshot import Snapshot
from mesh.world import World


class ControlPlane:
    """One control plane. Proxies go on with what they have while it is away."""

    def __init__(self, settings: Settings, watch: PolicyWatch, now: Callable[[], datetime]) -> None:
        directory = settings.directory
        self.proxies = Proxies()
        self.watch = watch
        self.authority = Authority(directory / "authority", now)
        self.registry = Registry(directory / "registry.json", self._changed)
        self.world = World(
            watch.first(), self.registry, self.authority, settings.leaf, now, settings.otlp_endpoint
        )
        self.join = JoinCredentials(directory / "join")
        self._kept = KeptSnapshots(directory)
        self.acknowledgements = acknowledgements = Acknowledgements(
            self.world, self.registry, self.proxies, now
        )
        self.traffic = Traffic(self.world, self.registry, acknowledgements, now)
        self.membership = Membership(self.traffic, self.world, self.join, self.proxies, self._kept)
        self.rotation = RootRotation(self.authority, self.world, acknowledgements, self.keep)
        self._listen = settings.listen
        self._server = AdsServer(
            settings.xds_listen, AdsServicer(self.world, self.join, self.proxies, self._kept)
        )

    async def open(self) -> None:
        """Serve the proxies. Raises RuntimeError when the address is taken."""
        make_way(self._listen)
        await self._server.start()

    async def check(self) -> None:
        """It is well as long as it runs: it stands on nothing else."""

    async def close(self) -> None:
        """End the streams; the proxies go on with what they have."""
        await self._server.stop()
        await self.keep()

    async def renew(self) -> None:
        """A round: certificates at half of their life are made anew."""
        self.world.renew()

    async def look(self) -> None:
        """A round: the policy's file may have changed."""
        await self.watch.look(self._told, self.world.obeys)

    async def keep(self) -> None:
        """A round: what nodes have taken in full is put on the disk, for the node cache."""
        await asyncio.to_thread(self._kept.write)

    def _told(self, policy: Policy) -> list[Snapshot]:
        """What the connected proxies would be told that is not what they are told now."""
        nodes = [proxy.node for proxy in self.proxies.newest().values()]
        then = {node: self.world.preview(node, policy) for node in nodes}
        return [found for node, found in then.items() if found != self.world.snapshot(node)]

    def _changed(self) -> None:
        self.world.changed()
