"""Who has not yet taken up the last change: what an operation waits for before it goes on."""

from __future__ import annotations

from collections.abc import Callable
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
        self, type_url: str, seconds: float, concerns: Callable[[str], bool] = _everybody
    ) -> tuple[str, ...]:
        """Until every proxy whose workload is concerned has all of a type as it is now, or the time is up.

        Returns the node ids of those that have not.
        """
        change = self._world.changes

        def behind() -> list[str]:
            return self._behind(change, name_of(type_url), concerns)

        return tuple(await self._proxies.wait(behind, seconds))

    async def wait_for_all(self, seconds: float) -> tuple[str, ...]:
        """The same for every type and every proxy."""
        change = self._world.changes

        def behind() -> list[str]:
            found = [self._behind(change, name_of(one), _everybody) for one in TYPES]
            return sorted({name for names in found for name in names})

        return tuple(await self._proxies.wait(behind, seconds))

    def behind(self, type_url: str) -> tuple[str, ...]:
        """Who has not all of a type as it is now."""
        return tuple(self._behind(self._world.changes, name_of(type_url), _everybody))

    def _behind(self, change: int, type_name: str, concerns: Callable[[str], bool]) -> list[str]:
        connected, now = self._proxies.newest(), self._now()
        found = [
            proxy.node.node_id
            for proxy in connected.values()
            if concerns(proxy.node.workload) and not proxy.has_taken(change, type_name)
        ]
        found += [
            one.node_id
            for one in self._registry.now.instances.values()
            if concerns(one.workload) and one.node_id not in connected and not one.away_for_long(now)
        ]
        return sorted(found)
