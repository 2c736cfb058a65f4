"""The parts that make the mesh: the control plane, the cache of its words, a sidecar beside each instance,
and the two entries, which are Envoys with an identity of their own.

Pure. Without the mesh (`make up MESH=off`) only the entries are left, and call the applications straight.
"""

from __future__ import annotations

from collections.abc import Iterable

from ops import servers, workers
from ops.part import Part, ProbeKind
from ops.site import Instance, Site

CONTROL, CACHE = "mesh", "node-cache"
XDS = "xds"
"""The folder of the sockets where proxies ask what to do; in containers every proxy sees it."""
ENTRIES = ("edge", "operator")
"""Envoys that stand before all services: the public entry, and the operator's."""
EDGE_THREADS = 2
SIDECAR = "sidecar"


def members(site: Site, instances: Iterable[Instance]) -> tuple[Part, ...]:
    """The control plane, its cache, and a sidecar beside each instance; nothing without the mesh."""
    if not site.mesh:
        return ()
    return (control_plane(site), node_cache(site), *(sidecar(site, one) for one in instances))


def control_plane(site: Site) -> Part:
    """Tells the proxies what to do. All that it serves is on sockets that only we can open."""
    environment = site.spans("MESH") | {
        "MESH_LISTEN": site.application(CONTROL),
        "MESH_XDS_LISTEN": f"unix:{xds(site)}",
        "MESH_DIRECTORY": str(site.state / "mesh"),
        "MESH_POLICY": str(site.policy),
        "MESH_ENVOY": str(site.programs.envoy),
    }
    command = (str(site.python), "-m", "mesh")
    return Part(CONTROL, command, (), ProbeKind.GRPC, environment, asked=(environment["MESH_LISTEN"],))


def node_cache(site: Site) -> Part:
    """Tells a sidecar that starts while the control plane is away what it was told last."""
    environment = {
        "MESHCACHE_LISTEN": site.application(CACHE),
        "MESHCACHE_XDS_LISTEN": f"unix:{cache(site)}",
        "MESHCACHE_CONTROL_PLANE": f"unix:{xds(site)}",
        "MESHCACHE_DIRECTORY": str(site.state / "mesh"),
    }
    command = (str(site.python), "-m", "mesh.node_cache")
    asked = (environment["MESHCACHE_LISTEN"],)
    return Part(CACHE, command, (), ProbeKind.GRPC, environment, asked=asked)


def sidecar(site: Site, instance: Instance) -> Part:
    """The proxy beside one instance: its port is where the others' proxies call."""
    name = beside(instance.name)
    return Part(
        name,
        servers.envoy(site, name, threads=1),
        (instance.name,) if takes_calls(instance) else (),
        ProbeKind.SIDECAR,
        needs=(CONTROL,),
        asked=(site.socket(instance.name, "admin"),),
    )


def entries(site: Site) -> tuple[Part, ...]:
    """The public entry, and the operator's."""
    needs = (CONTROL,) if site.mesh else ()
    edge, operator = ENTRIES
    return (
        Part(
            edge,
            servers.envoy(site, edge, threads=EDGE_THREADS),
            (edge, "edge_tls") if site.contained else (edge, "edge_tls", "envoy_admin"),
            ProbeKind.SIDECAR if site.contained else ProbeKind.ENVOY,
            needs=needs,
            asked=(site.socket(edge, "admin"),) if site.contained else (),
        ),
        Part(
            operator,
            servers.envoy(site, operator, threads=1),
            (operator,),
            ProbeKind.SIDECAR,
            needs=needs,
            asked=(site.socket(operator, "admin"),),
        ),
    )


def beside(name: str) -> str:
    """The part that is the sidecar of an instance."""
    return f"{name}-{SIDECAR}"


def takes_calls(instance: Instance) -> bool:
    """Whether others call it."""
    return instance.workload != workers.CURRENT


def xds(site: Site) -> str:
    """The socket where proxies ask the control plane."""
    return site.socket(XDS, CONTROL)


def cache(site: Site) -> str:
    """The socket where proxies ask while the control plane is away."""
    return site.socket(XDS, CACHE)


def reflection(site: Site, entry: str) -> str:
    """The socket where an entry finds what describes its services."""
    return site.socket("reflection", entry)
