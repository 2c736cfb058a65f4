"""The health check of a Python part, run inside of its container: the same probe as natively.

    python -m ops.compose.health PART
"""

from __future__ import annotations

import asyncio
import sys

from ops import probes, topology
from ops.compose import site as sites


def main(arguments: list[str]) -> int:
    """Ask the part; exit status 1, and the reason, if it is not ready."""
    site = sites.described(sites.seconds())
    part = next(part for part in topology.all_parts(site) if part.name == arguments[0])
    reason = asyncio.run(probes.ready(site, part))
    if reason:
        print(reason)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
