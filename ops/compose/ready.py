"""The end of `make up RUNTIME=compose`, in a container: waits until all parts answer, says where they are."""

from __future__ import annotations

import asyncio
import sys
import time

from rich.console import Console

from ops import probes, topics, topology
from ops.compose.site import SUITE
from ops.suite import Suite
from ops.up import READERS_SECONDS, Failure, report_failures

PART_SECONDS = 90.0


async def failures(suite: Suite) -> list[Failure]:
    """The parts that do not get ready, each with its reason."""

    async def waited(name: str) -> Failure | None:
        reason = await probes.wait_ready(suite.site, suite.parts[name], PART_SECONDS, suite.hope(name))
        return Failure(name, reason) if reason else None

    found = await asyncio.gather(*(waited(name) for name in suite.parts))
    return [failure for failure in found if failure]


def main() -> int:
    """Wait, and report; exit status 1 if a part is not ready."""
    console = Console(highlight=False, soft_wrap=True)
    suite, began = Suite.load(SUITE), time.monotonic()
    if found := asyncio.run(failures(suite)):
        report_failures(suite, found, console)
        return 1
    topics.wait_for_readers(suite.site, topology.readers(), READERS_SECONDS)
    console.print("\nOrderMesh is up in containers: all parts healthy.\n")
    for name in topology.PUBLISHED:
        console.print(f"  {name.replace('_', ' '):<18} {suite.urls[name]}")
    console.print("  mesh               on; its policy is in a volume, where `make mesh …` changes it\n")
    used = sum(suite.memory().values()) / 1e9
    console.print(f"Ready {time.monotonic() - began:.1f} s after the last start; memory {used:.2f} GB")
    console.print("Next: make demo MODE=sync   make status   make down   make help")
    return 0


if __name__ == "__main__":
    sys.exit(main())
