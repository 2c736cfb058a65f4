"""The one-shot service `setup`: makes what the parts start with, by the same functions as the native suite.

Secrets, each part's plan, Envoys' configurations with their credentials. Harmless when repeated: secrets and
credentials stay as they are. It has no network, and everything that it makes is in volumes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

from ops import plans, state, storage, topology
from ops.compose import site as sites
from ops.compose import temporal_plan, volumes
from ops.errors import SuiteError
from ops.site import Site


def prepare(site: Site) -> None:
    """Everything but the servers' storage, which their images make; also for instances that are not there
    yet, so that whoever starts them needs nothing else.
    """
    if not control_plane_runs(site):
        storage.lay_policy(site)
    parts = sites.ours(site)
    for part in parts:
        state.private_folder(site.prepared(part.name, "env"))
    plans.write_plans(site, [part for part in parts if part.probe not in volumes.ENVOYS])
    for part in parts:
        storage.prepare(site, part.name)
    # read by PostgreSQL's own user, in a volume that only its container sees
    password = site.prepared("postgres", "run") / volumes.PASSWORD
    state.write_private(password, site.passwords["postgres"])
    password.chmod(0o644)


def control_plane_runs(site: Site) -> bool:
    """Whether somebody may have changed the policy since the suite began."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(site.application("mesh").removeprefix("unix:")) == 0


def published(environ: Mapping[str, str]) -> dict[str, int]:
    """Where compose opens the ports that are open outside, as compose.yaml tells us."""
    given = {name: environ.get(f"{sites.PUBLISHED}{name.upper()}", "") for name in topology.PUBLISHED}
    return {name: int(port) for name, port in given.items() if port}


def main() -> int:
    """Prepare the suite of this project."""
    try:
        described = sites.described()
        site = state.create_site(
            sites.SUITE, os.environ, hosts=described.hosts, published=published(os.environ)
        )
        prepare(sites.with_more(site, sites.seconds()))
        if temporal_plan.is_wanted():
            temporal_plan.prepare(site)
    except SuiteError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"prepared {len(topology.all_parts(site))} parts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
