"""Follows the policy's file: a change that is valid holds for everybody, one that is not holds for nobody.

The last good text is kept beside the registry, so that a control plane that starts with a broken file goes on
as before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from kit.logs import log
from mesh import private_files
from mesh.dry_run import Refused, validate
from mesh.policy import Policy
from mesh.policy_nodes import PolicyError
from mesh.policy_reading import parse
from mesh.snapshot import Snapshot

LAST_GOOD = "mesh.last-good.yaml"


class PolicyWatch:
    """One file, and what it said last."""

    def __init__(self, path: Path, directory: Path, envoy: Path | None) -> None:
        self._path = path
        self._kept = directory / LAST_GOOD
        self._envoy = envoy
        self._seen = ""
        self._looking = asyncio.Lock()
        self.mistakes = ""
        """Why the file as it is now does not hold; empty if it does."""

    def first(self) -> Policy:
        """What holds from the start. Raises PolicyError if neither the file nor the last good is valid."""
        self._seen = self._path.read_text()
        try:
            policy = parse(self._seen)
        except PolicyError as error:
            self._refuse(str(error))
            if not self._kept.exists():
                raise
            return parse(self._kept.read_text())
        private_files.write(self._kept, self._seen)
        return policy

    async def look(
        self, snapshots: Callable[[Policy], list[Snapshot]], obey: Callable[[Policy], None]
    ) -> None:
        """Take a change up if it is valid, and if Envoy takes what the proxies would be told.

        Two looks at once are one after the other, so that whoever has looked knows how it stands.
        """
        async with self._looking:
            text = await asyncio.to_thread(self._path.read_text)
            if text != self._seen:
                self._seen = text
                await self._take_up(text, snapshots, obey)

    async def _take_up(
        self, text: str, snapshots: Callable[[Policy], list[Snapshot]], obey: Callable[[Policy], None]
    ) -> None:
        try:
            policy = parse(text)
            if (envoy := self._envoy) is not None:
                dry_runs = [asyncio.to_thread(validate, envoy, found) for found in snapshots(policy)]
                await asyncio.gather(*dry_runs)
        except (PolicyError, Refused) as error:
            self._refuse(str(error))
            return
        private_files.write(self._kept, text)
        self.mistakes = ""
        obey(policy)
        log().warning("policy_holds", path=str(self._path))

    def _refuse(self, why: str) -> None:
        self.mistakes = why
        log().error("policy_refused", path=str(self._path), detail=why)
