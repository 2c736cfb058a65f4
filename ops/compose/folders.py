"""Makes the folders in our image that volumes are mounted on; run once, when the image is built.

    python -m ops.compose.folders

Docker gives a new volume the owner and the mode of the folder that it is mounted on.
"""

from __future__ import annotations

from pathlib import Path

from ops.compose import site as sites
from ops.compose import temporal_plan, volumes


def main() -> None:
    """Make them all, open to their owner only, but for the password that PostgreSQL's user reads."""
    site = sites.described(sites.seconds())
    mounts = [mount for part in sites.ours(site) for mount in volumes.of_part(site, part)]
    mounts.append(temporal_plan.laid(site))
    for mount in (*volumes.of_tools(site), *mounts):
        for_postgres = mount.volume == "plan-postgres"
        Path(mount.target).mkdir(parents=True, exist_ok=True)
        Path(mount.target).chmod(0o755 if for_postgres else 0o700)


if __name__ == "__main__":
    main()
