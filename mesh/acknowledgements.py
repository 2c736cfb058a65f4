"""Who has not yet taken up the last change: what an operation waits for before it goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from mesh.proxies import Proxies
from mesh.registry import Registry
from mesh.snapshot import TYPES, name_of
from mesh.world import World


def _everybody(workload: str) -> bool:
    return True


class Acknowledgements:
    """Of the proxies that are connected, and of those that have been away for a short time only.

    These go on with what they had: after a restart of the control plane all have been away for a moment.
    """

    def __init__(
        self, world: World, registry: Registry, proxies: Proxies, now: Callable[[], datetime]
    ) -> None:
        self._world = world
        self._registry = registry
        self._proxies = proxies
        self._now = now

    async def wait(
        self,
        seconds: float,
        types: Collection[str] = TYPES,
        concerns: Callable[[str], bool] = _everybody,
    ) -> tuple[str, ...]:
        """Until every proxy whose workload is concerned has all of these types as they are now, or the time
        is up. Returns the node ids of those that have not.
        """
        change = self._world.changes
        return tuple(await self._proxies.wait(lambda: self._behind(change, types, concerns), seconds))

    def behind(self, types: Collection[str] = TYPES) -> tuple[str, ...]:
        """Who has not all of these types as they are now."""
        return tuple(self._behind(self._world.changes, types, _everybody))

    def _behind(self, change: int, types: Collection[str], concerns: Callable[[str], bool]) -> list[str]:
        connected, now = self._proxies.newest(), self._now()
        found = [
            proxy.node.node_id
            for proxy in connected.values()
            if concerns(proxy.node.workload)
            and not all(proxy.has_taken(change, name_of(one)) for one in types)
        ]
        found += [
            one.node_id
            for one in self._registry.now.instances.values()
            if concerns(one.workload) and one.node_id not in connected and not one.away_for_long(now)
        ]
        return sorted(found)
