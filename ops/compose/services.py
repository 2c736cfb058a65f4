"""Every service of compose.yaml, from the topology: the parts themselves, and what containers need besides.

Pure. Each value is what stands in the file; `<<` names one of `ops.compose.blocks`.
"""

from __future__ import annotations

from ops import mesh_parts, search_attributes, topology
from ops.compose import images, limits, servers, site, volumes
from ops.compose.blocks import HEALTH, NONE, Service
from ops.part import Part
from ops.site import Instance, Site
from ops.supervision import launcher

SETUP, DATABASES, TOPICS, ATTRIBUTES, TOOL = "setup", "databases", "topics", "search-attributes", "ops"
TESTS, COLLECTOR = "tests", "otel-lgtm"
DONE, HEALTHY = "service_completed_successfully", "service_healthy"
DESCRIPTOR = "descriptor"
FILES = {DESCRIPTOR: "protos/gen/edge.binpb"}
"""What the public entry reads from the checkout: how REST becomes gRPC."""


def every(where: Site) -> dict[str, Service]:
    """All by name: what is done once, the servers, the mesh and the entries, then the parts of ours."""
    found = once(where)
    pods = {one.name: one for one in topology.with_sidecars(where)}
    for part in topology.all_parts(where):
        if part.name in topology.SERVERS:
            found[part.name] = server(where, part)
        elif part.probe in volumes.ENVOYS:
            found[part.name] = envoy(where, part)
        else:
            if part.name in pods:
                found[pod_of(part.name)] = pod(pods[part.name])
            found[part.name] = python(where, part)
    more = {name for one in where.scaled for name in site.of_instance(one.name)}
    for name, service in found.items():
        if name in more:
            found[name] = {"<<": service["<<"], "profiles": ["scaled"]} | service
    return found | beside()


def published(where: Site, part: Part) -> Service:
    """The doors of a part that are open outside, on loopback, at ports that the caller may choose."""
    found = [name for name in part.ports if name in topology.PUBLISHED]
    said = [f"127.0.0.1:{chosen(where, name)}:{where.ports[name]}" for name in found]
    return {"ports": said} if said else {}


def chosen(where: Site, port: str) -> str:
    """The caller's choice of a port of the machine, unless it is the one that the port has inside."""
    return f"${{PORT_{port.upper()}:-{where.ports[port]}}}"


def after(conditions: dict[str, str]) -> Service:
    """What must have happened before a service starts."""
    return {"depends_on": {name: {"condition": how} for name, how in conditions.items()}}


def build(target: str) -> Service:
    """One target of our Dockerfile; a build argument without a value is the caller's variable."""
    return {
        "build": {
            "context": ".",
            "dockerfile": "deploy/Dockerfile",
            "target": target,
            "args": ["PYTHON_IMAGE", "PIP_INDEX_URL"],
        }
    }


def server(where: Site, part: Part) -> Service:
    """PostgreSQL, Kafka or Temporal, from its official image."""
    own = {"postgres": servers.postgres, "kafka": servers.kafka, "temporal": servers.temporal}[part.name]
    return {
        "<<": "hardened",
        **own(where),
        "mem_limit": limits.of(part.name),
        "stop_grace_period": f"{part.stop_seconds}s",
        "volumes": [mount.said() for mount in volumes.of_server(where, part.name)],
        **published(where, part),
        **after({SETUP: DONE}),
    }


def pod_of(instance: str) -> str:
    """The container that holds an instance's network."""
    return f"{instance}-pod"


def pod(instance: Instance) -> Service:
    """On the network it has the name of the instance, whose application and sidecar are in it."""
    return {"<<": "pod", "networks": {"default": {"aliases": [instance.name]}}}


def envoy(where: Site, part: Part) -> Service:
    """A sidecar, in the network of its instance; or an entry, in one of its own."""
    instance = site.instance_of(part.name)
    files = [{"source": name, "target": f"{where.root}/{path}"} for name, path in FILES.items()]
    return {
        "<<": "envoy",
        "command": list(part.command),
        "environment": {"ADMIN": where.socket(instance, "admin")},
        **({"network_mode": f"service:{pod_of(instance)}"} if instance != part.name else {}),
        **({"mem_limit": limits.of(part.name)} if limits.is_own(part.name) else {}),
        "volumes": [mount.said() for mount in volumes.of_part(where, part)],
        **({"configs": files} if part.name == "edge" else {}),
        **published(where, part),
        **after({SETUP: DONE, mesh_parts.CONTROL: HEALTHY}),
    }


def python(where: Site, part: Part) -> Service:
    """A part of ours: the launcher becomes it by its plan, so that no secret stands in any listing."""
    instances = {one.name: one for one in topology.with_sidecars(where)}
    control_plane: Service = {
        **build("control-plane"),
        "image": images.CONTROL_PLANE,
        "healthcheck": {"<<": "soon", "test": ["CMD", *HEALTH]},
    }
    workload = instances[part.name].workload if part.name in instances else part.name
    slow = part.stop_seconds != Part.stop_seconds
    return {
        "<<": "part",
        **(control_plane if part.name == mesh_parts.CONTROL else {}),
        "command": launcher(where, part.name),
        **({"network_mode": f"service:{pod_of(part.name)}"} if part.name in instances else {}),
        **({"mem_limit": limits.of(workload)} if limits.is_own(workload) else {}),
        **({"stop_grace_period": f"{part.stop_seconds}s"} if slow else {}),
        "volumes": [mount.said() for mount in volumes.of_part(where, part)],
        **after({DATABASES: DONE} if part.database else {SETUP: DONE}),
    }


def once(where: Site) -> dict[str, Service]:
    """What is done at each start."""
    pairs = search_attributes.ATTRIBUTES.items()
    attributes = [word for name, kind in pairs for word in ("--name", name, "--type", kind)]
    create = ["operator", "search-attribute", "create", "--address", where.address("temporal"), *attributes]
    return {
        SETUP: {
            "<<": "once",
            **build("part"),
            "command": [site.PYTHON, "-m", "ops.compose.setup"],
            "network_mode": "none",
            "environment": {"OTLP": "${OTLP:-}"}
            | {f"{site.PUBLISHED}{name.upper()}": chosen(where, name) for name in topology.PUBLISHED},
            "volumes": "everything",
        },
        DATABASES: _provision(where, "postgres"),
        TOPICS: _provision(where, "kafka"),
        ATTRIBUTES: {
            "<<": "once",
            "image": images.TEMPORAL,
            "command": create,
            "environment": servers.TEMPORAL_USER,
            **after({"temporal": HEALTHY}),
        },
    }


def _provision(where: Site, server: str) -> Service:
    return {
        "<<": "once",
        "command": [site.PYTHON, "-m", "ops.compose.provision", server],
        "volumes": [f"state:{where.directory}"],
        **after({server: HEALTHY}),
    }


def beside() -> dict[str, Service]:
    """What is no part of the suite: the operator's tool, the tests, and a collector of spans."""
    return {
        TOOL: {"<<": "tool"},
        TESTS: {
            "<<": "tool",
            **build("tests"),
            "image": images.TESTS,
            "mem_limit": limits.TESTS,
        },
        # it writes where it likes, and is for one's own machine only
        COLLECTOR: {
            "<<": "hardened",
            "image": images.COLLECTOR,
            "profiles": ["observability"],
            "read_only": False,
            "mem_limit": limits.COLLECTOR,
            "healthcheck": NONE,
            "ports": ["127.0.0.1:${PORT_GRAFANA:-3000}:3000"],
        },
    }
