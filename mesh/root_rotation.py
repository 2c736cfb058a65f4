"""Drives a rotation of the root: each step waits until every proxy has acknowledged the one before.

The state of the rotation is the authority's file. So a control plane that dies between two steps goes on
where it stood when it is asked again, and a proxy that does not acknowledge holds it up and is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from kit.errors import Problem
from kit.logs import log
from mesh.acknowledgements import Acknowledgements
from mesh.authority import Authority, Rotation
from mesh.snapshot import SECRET
from mesh.world import World


@dataclass(frozen=True)
class Progress:
    """One state of the rotation, and who has not acknowledged it."""

    state: Rotation
    acknowledged: bool
    behind: tuple[str, ...] = ()


class RootRotation:
    """Rotates the root, once at a time."""

    def __init__(
        self,
        authority: Authority,
        world: World,
        acknowledgements: Acknowledgements,
        keep: Callable[[], Awaitable[None]],
    ) -> None:
        self._authority = authority
        self._world = world
        self._acknowledgements = acknowledgements
        self._keep = keep  # what was acknowledged is on the disk: a sidecar could be started with it
        self._running = asyncio.Lock()

    @property
    def runs(self) -> bool:
        """Whether somebody drives it now."""
        return self._running.locked()

    async def run(self, seconds: float) -> AsyncGenerator[Progress, None]:
        """Begin, or go on. Each state is told twice: when it is entered, and when everybody has it, or the
        time for one step is up. Then it ends there.
        """
        if self.runs:
            raise Problem("conflict", "ROTATION_RUNS", "somebody rotates the root already: watch that one")
        async with self._running:
            if self._authority.rotation is Rotation.STEADY:
                self._authority.begin_root_rotation()
                self._world.changed()
            while True:
                state = self._authority.rotation
                log().warning("root_rotation", state=state.value)
                yield Progress(state, False, self._acknowledgements.behind((SECRET,)))
                behind = await self._acknowledgements.wait(seconds, (SECRET,))
                await self._keep()
                yield Progress(state, not behind, behind)
                if behind or state is Rotation.STEADY:
                    return
                self._advance(state)

    def _advance(self, state: Rotation) -> None:
        if state is Rotation.TRUSTED:
            self._authority.issue_from_new_root()
            self._world.reissue()
        else:
            self._authority.drop_old_root()
            self._world.changed()
