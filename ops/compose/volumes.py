"""The volumes of a suite in containers, and which of them each part sees. Pure.

A part sees its own plan, the sockets that it serves or calls, and what it keeps; only what prepares, and the
operator's tool, see everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ops import mesh_parts, sockets, topology
from ops.part import Part, ProbeKind
from ops.site import Site

POSTGRES_DATA = "/var/lib/postgresql"
KAFKA_DATA = "/var/lib/kafka/data"
PASSWORD_FOLDER, PASSWORD = "/run/ordermesh", "superuser"
ENVOYS = (ProbeKind.SIDECAR, ProbeKind.ENVOY)
KEPT: Mapping[str, tuple[str, ...]] = {
    mesh_parts.CONTROL: ("mesh", "mesh/authority", "policy"),
    mesh_parts.CACHE: ("mesh",),
    "mail": ("mail",),
}
"""What a part of ours keeps, below the suite's folder. The cache does not see the authority's key."""
READ_ONLY = frozenset({(mesh_parts.CACHE, "mesh"), (mesh_parts.CONTROL, "policy")})


@dataclass(frozen=True)
class Mount:
    """One volume in one container. `bare`: an image that is not ours puts nothing of its own into it."""

    volume: str
    target: str
    read_only: bool = False
    bare: bool = False

    def said(self) -> str:
        """As compose.yaml says it, in short."""
        options = [word for word, holds in (("ro", self.read_only), ("nocopy", self.bare)) if holds]
        return ":".join([self.volume, self.target, *([",".join(options)] if options else [])])


def name(folder: str) -> str:
    """A volume's name, from the folder that it is below the suite's."""
    return folder.replace("/", "-")


def of_part(site: Site, part: Part) -> tuple[Mount, ...]:
    """What one part of ours, or an Envoy, sees."""
    home, envoy = site.directory, part.probe in ENVOYS
    mounts = [Mount(f"plan-{part.name}", str(home / ("run" if envoy else "env")), True, envoy)]
    for folder in sockets.folders(site, part):
        calls_only = envoy and folder in (mesh_parts.XDS, "reflection")
        mounts.append(Mount(f"sockets-{folder}", str(home / "sockets" / folder), calls_only, envoy))
    for folder in KEPT.get(part.name, ()):
        mounts.append(Mount(name(folder), str(home / folder), (part.name, folder) in READ_ONLY))
    return tuple(mounts)


def of_server(site: Site, part: str) -> tuple[Mount, ...]:
    """What a server of an official image sees; PostgreSQL's and Kafka's folders are those of their images."""
    return {
        "postgres": (
            Mount("postgres", POSTGRES_DATA),
            Mount("plan-postgres", PASSWORD_FOLDER, read_only=True, bare=True),
        ),
        "kafka": (
            Mount("kafka", KAFKA_DATA),
            # its image writes there what it starts with, and says how it collects garbage
            *(Mount(f"kafka-{name}", f"/opt/kafka/{name}") for name in ("config", "logs")),
        ),
        "temporal": (Mount("temporal", str(site.directory / "temporal"), bare=True),),
    }[part]


def of_tools(site: Site) -> tuple[Mount, ...]:
    """Everything that is ours: what prepares and the operator's tool see it. Docker gives a new volume to the
    owner that its folder has in our image, so that here is also decided whose each volume is.
    """
    home = site.directory
    own = ("state", "temporal", *dict.fromkeys(name for kept in KEPT.values() for name in kept))
    mounts = {folder: Mount(name(folder), str(home / folder)) for folder in own}
    mounts["state"] = Mount("state", str(home))
    for part in topology.all_parts(site):
        if part.name not in topology.SERVERS or part.name == "postgres":
            folder = f"prepared/{part.name}"
            mounts[folder] = Mount(f"plan-{part.name}", str(home / folder))
        if part.name not in topology.SERVERS:
            for shared in sockets.folders(site, part):
                mounts[f"sockets/{shared}"] = Mount(f"sockets-{shared}", str(home / "sockets" / shared))
    return tuple(mounts.values())


def all_names(site: Site) -> Iterator[str]:
    """Every volume once."""
    servers = [mount.volume for part in sorted(topology.SERVERS) for mount in of_server(site, part)]
    yield from dict.fromkeys([*servers, *(mount.volume for mount in of_tools(site))])
