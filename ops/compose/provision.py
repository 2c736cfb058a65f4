"""One-shot services that give a server what the suite needs in it.

python -m ops.compose.provision postgres|kafka
"""

from __future__ import annotations

import asyncio
import sys

from ops import databases, state, topics, topology
from ops.compose import temporal_plan
from ops.compose.site import SUITE
from ops.errors import SuiteError
from ops.site import Site


def postgres(site: Site) -> None:
    """Databases, roles, and today's schema of every service; Temporal has a job of its own for its schema."""
    asyncio.run(databases.provision(site, temporal_plan.databases() if temporal_plan.is_wanted() else {}))
    for name in topology.SERVICES:
        databases.migrate(site, name)


DOES = {"postgres": postgres, "kafka": topics.provision}


def main(arguments: list[str]) -> int:
    """Do it, once the server answers; compose starts this again if it fails."""
    try:
        DOES[arguments[0]](state.load_site(SUITE))
    except (SuiteError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
