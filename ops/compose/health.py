"""The health check of a Python part, run inside of its container: the same probe as natively.

Which part it is says the one plan that its container sees.
"""

from __future__ import annotations

import asyncio
import sys

from ops import probes, topology
from ops.compose import site as sites


def main() -> int:
    """Ask the part; exit status 1, and the reason, if it is not ready."""
    site = sites.described(sites.seconds())
    plans = {path.stem for path in (site.directory / "env").glob("*.json")}
    part = next(part for part in topology.all_parts(site) if part.name in plans)
    reason = asyncio.run(probes.ready(site, part))
    if reason:
        print(reason)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
