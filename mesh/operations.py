"""What an operator does to single instances: out of the calls, back into them, out of the mesh.

A rolling restart is: drain, restart application and sidecar, wait until they are ready, readmit. Each answer
says which callers have not heard of the change yet; a repeat waits for them again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from kit.errors import Problem
from kit.logs import log
from mesh.acknowledgements import Acknowledgements
from mesh.join import JoinCredentials
from mesh.kept_snapshots import KeptSnapshots
from mesh.proxies import Proxies
from mesh.registry import Instance, Registry
from mesh.snapshot import ENDPOINTS
from mesh.world import World


class Traffic:
    """Decides which instances get calls."""

    def __init__(
        self,
        world: World,
        registry: Registry,
        acknowledgements: Acknowledgements,
        now: Callable[[], datetime],
    ) -> None:
        self._world = world
        self._registry = registry
        self._acknowledgements = acknowledgements
        self._now = now

    def known(self, node_id: str) -> Instance:
        """An instance; raises a Problem if there is none."""
        found = self._registry.now.instances.get(node_id)
        if found is None:
            raise Problem("missing", "NODE_UNKNOWN", f"no such instance: {node_id}", {"node_id": node_id})
        return found

    def spare(self, instance: Instance) -> None:
        """Raise a Problem if the workload has no other instance that takes calls."""
        others = [
            one
            for one in self._registry.now.of(instance.workload)
            if one.node_id != instance.node_id and not one.draining and one.away_since is None
        ]
        if instance.address and not others:
            said = f"no other instance of {instance.workload} takes calls: start one first, or set allow_last"
            raise Problem("refused", "LAST_INSTANCE", said, {"node_id": instance.node_id})

    async def drain(
        self, node_id: str, hold: timedelta, allow_last: bool, seconds: float
    ) -> tuple[Instance, tuple[str, ...]]:
        """No new calls to this instance for so long; who of its callers does not know that yet."""
        instance = self.known(node_id)
        if not instance.draining and not allow_last:
            self.spare(instance)
        self._registry.becomes(self._registry.now.drains(node_id, self._now() + hold))
        log().warning("instance_drains", node=node_id, seconds=hold.total_seconds())
        return self.known(node_id), await self.heard(instance.workload, seconds)

    async def readmit(self, node_id: str, seconds: float) -> tuple[Instance, tuple[str, ...]]:
        """Calls to this instance again; who of its callers does not know that yet."""
        instance = self.known(node_id)
        self._registry.becomes(self._registry.now.readmitted(node_id))
        log().warning("instance_readmitted", node=node_id)
        return self.known(node_id), await self.heard(instance.workload, seconds)

    async def heard(self, workload: str, seconds: float) -> tuple[str, ...]:
        """Wait until every caller of a workload knows its endpoints as they are now; who does not."""

        def calls(caller: str) -> bool:
            return workload in self._world.policy.callees(caller)

        return await self._acknowledgements.wait(seconds, (ENDPOINTS,), calls)


class Membership:
    """Takes nodes out of the mesh."""

    def __init__(
        self, traffic: Traffic, world: World, join: JoinCredentials, proxies: Proxies, kept: KeptSnapshots
    ) -> None:
        self._traffic = traffic
        self._world = world
        self._join = join
        self._proxies = proxies
        self._kept = kept

    async def remove(self, node_id: str, allow_last: bool, seconds: float) -> tuple[str, ...]:
        """Out for good: its credential opens nothing any more, here or at the cache, and nobody calls it.

        Its sidecar may still call others, until the certificate that it holds ends. Returns who of its
        callers does not know yet that it is gone. A node that is not there is removed already.
        """
        try:
            instance = self._traffic.known(node_id)
        except Problem:
            instance = None
        if instance is not None and not instance.draining and not allow_last:
            self._traffic.spare(instance)
        revoked = self._join.revoke(node_id)
        self._proxies.end(node_id)
        self._world.forget(node_id)
        self._kept.forget(node_id)
        log().warning("instance_removed", node=node_id, revoked=revoked)
        return await self._traffic.heard(instance.workload, seconds) if instance else ()
