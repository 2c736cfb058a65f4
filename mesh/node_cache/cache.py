"""The node cache as the engine of its process: stands in for the control plane while that is away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kit.errors import Problem
from kit.logs import log
from mesh.ads import AdsServicer
from mesh.ads_server import AdsServer, make_way
from mesh.join import JoinCredentials
from mesh.kept_snapshots import KeptSnapshots
from mesh.node_cache.kept_world import KeptWorld
from mesh.node_cache.settings import Settings
from mesh.proxies import Proxies

ANSWER_SECONDS = 1.0
"""A control plane that does not answer for so long is away."""
_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 250)]


class NodeCache:
    """One cache beside the sidecars of one machine. It changes nothing, also not its own files."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self.proxies = Proxies()
        self.stands_in = False
        """Whether the control plane is away."""
        self.asked = 0
        """How often a node has asked here that may."""
        self._join = JoinCredentials(settings.directory / "join")
        self._listen = settings.listen
        world = KeptWorld(KeptSnapshots(settings.directory), now)
        self._server = AdsServer(settings.xds_listen, AdsServicer(world, self, self.proxies, None))
        self._control_plane = grpc.aio.insecure_channel(settings.control_plane, options=_OPTIONS)

    async def open(self) -> None:
        """Serve the proxies. Raises RuntimeError when the address is taken."""
        make_way(self._listen)
        await self._server.start()

    async def check(self) -> None:
        """It is well as long as it runs: it stands on nothing else."""

    async def close(self) -> None:
        """End the streams."""
        await self._server.stop()
        await self._control_plane.close()

    async def look(self) -> None:
        """A round: is the control plane there? If it is back, the proxies are sent to it."""
        away = not await self._answers()
        if away != self.stands_in:
            log().warning("stands_in" if away else "control_plane_is_back")
        self.stands_in = away
        if not away:
            self.proxies.end()

    def admit(self, node_id: str, workload: str, credential: str) -> None:
        """Raise a Problem to strangers, and to everybody while the control plane answers."""
        self._join.admit(node_id, workload, credential)
        self.asked += 1
        if not self.stands_in:
            said = "the control plane answers, or is not missed yet: ask it"
            raise Problem("unavailable", "CONTROL_PLANE_ANSWERS", said)

    async def _answers(self) -> bool:
        # the stub's types know the blocking channel only
        stub: Any = health_pb2_grpc.HealthStub(cast("Any", self._control_plane))
        try:
            await stub.Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_SECONDS)
        except grpc.aio.AioRpcError:
            return False
        return True
