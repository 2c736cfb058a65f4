"""Every service of compose.yaml, from the topology: the parts themselves and what containers need besides.

Pure. Each value is what stands in the file; `<<` names a block that services share (`ops.compose.blocks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops import mesh_parts, servers, topology, workers
from ops.compose import images, limits, site, volumes
from ops.part import Part, ProbeKind
from ops.site import Instance, Site
from ops.supervision import launcher

Service = dict[str, Any]

SETUP, DATABASES, TOPICS, ATTRIBUTES, TOOL = "setup", "databases", "topics", "search-attributes", "ops"
DONE, HEALTHY, STARTED = "service_completed_successfully", "service_healthy", "service_started"
DESCRIPTOR = "descriptor"
FILES = {DESCRIPTOR: "protos/gen/edge.binpb"}
"""What an entry reads from the checkout: how REST becomes gRPC."""
READY = 'GET /ready HTTP/1.1\\r\\nHost: envoy\\r\\nConnection: close\\r\\n\\r\\n'
BUILD: Service = {
    "context": ".",
    "dockerfile": "deploy/Dockerfile",
    # an argument without a value is taken from the environment of whoever builds
    "args": ["PYTHON_IMAGE", "PIP_INDEX_URL"],
}
PERL = (
    '$$s = IO::Socket::UNIX->new(Peer => $$ARGV[0]) or exit 1; print $$s "%s"; local $$/; '
    "exit(<$$s> !~ /LIVE/)" % READY
)
"""The image of Envoy has no client of HTTP, but Ubuntu's perl-base, which speaks to sockets."""


def published(where: Site, part: Part) -> Service:
    """The doors of a part that are open outside, for a port that the caller may choose."""
    found = [name for name in part.ports if name in topology.PUBLISHED]
    said = [f"127.0.0.1:${{PORT_{name.upper()}:-{where.ports[name]}}}:{where.ports[name]}" for name in found]
    return {"ports": said} if said else {}


def owned(user: int) -> str:
    """A folder in memory that one user may write to."""
    return f"mode=0755,uid={user},gid={user}"


def after(**conditions: str) -> Service:
    """What must have happened before a service starts."""
    waits = {name.replace("_", "-"): {"condition": how} for name, how in conditions.items()}
    return {"depends_on": waits}


def server(where: Site, part: Part) -> Service:
    """PostgreSQL, Kafka or Temporal, from its official image."""
    own = {"postgres": _postgres, "kafka": _kafka, "temporal": _temporal}[part.name](where)
    mounts = [mount.said() for mount in volumes.of_server(where, part.name)]
    return {
        "<<": "server",
        "mem_limit": limits.of(part.name),
        "stop_grace_period": f"{part.stop_seconds}s",
        **own,
        "volumes": mounts,
        **published(where, part),
        **after(setup=DONE),
    }


def _postgres(where: Site) -> Service:
    # its own image speaks to it over a socket while it makes the data folder
    settings = {**servers.POSTGRES_SETTINGS, "listen_addresses": "*"}
    del settings["unix_socket_directories"]
    return {
        "image": images.POSTGRES,
        "user": "999:999",
        "command": [word for name, value in settings.items() for word in ("-c", f"{name}={value}")],
        "environment": {
            "PGPORT": str(where.ports["postgres"]),
            "POSTGRES_PASSWORD_FILE": f"{volumes.PASSWORD_FOLDER}/{volumes.PASSWORD}",
            "POSTGRES_INITDB_ARGS": " ".join(servers.INITDB_OPTIONS),
        },
        "tmpfs": ["/tmp", f"/var/run/postgresql:{owned(999)}"],  # noqa: S108 - of the container
        "shm_size": "128m",
        "healthcheck": {"<<": "soon", "test": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]},
    }


def _kafka(where: Site) -> Service:
    settings = servers.KAFKA_SETTINGS | servers.kafka_places(
        f"{where.bound}:{where.ports['kafka']}", where.address("kafka"), where.address("kafka_controller")
    )
    settings["log.dirs"] = volumes.KAFKA_DATA
    environment = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
    heap = [option for option in servers.JAVA_OPTIONS if option.startswith("-Xm")]
    return {
        "image": images.KAFKA,
        "user": "1000:1000",
        "environment": environment
        | {"KAFKA_HEAP_OPTS": " ".join(heap), "KAFKA_JVM_PERFORMANCE_OPTS": " ".join(servers.JAVA_LIGHT)},
        "tmpfs": ["/tmp", f"/opt/kafka/config:{owned(1000)}", f"/opt/kafka/logs:{owned(1000)}"],  # noqa: S108
        # Kafka's own tools start a Java each time; `topics` asks the broker for real
        "healthcheck": {"<<": "soon", "test": ["CMD", "bash", "-c", f"</dev/tcp/127.0.0.1/{where.ports['kafka']}"]},
    }


def _temporal(where: Site) -> Service:
    address = f"127.0.0.1:{where.ports['temporal']}"
    asked = [str(where.programs.temporal), "operator", "namespace", "describe", "-n", "default"]
    return {
        "image": images.TEMPORAL,
        "user": images.USER,
        # its image knows no such user, and has no other place to look
        "environment": {"USER": "temporal", "HOME": "/tmp"},  # noqa: S108
        "command": list(servers.temporal(where)[1:]),
        "tmpfs": ["/tmp"],  # noqa: S108
        "healthcheck": {"<<": "soon", "test": ["CMD", *asked, "--address", address]},
    }


def pod(where: Site, instance: Instance) -> Service:
    """Holds the network of an application and its sidecar: so either may restart without the other. The name
    of the instance on the network is its own.
    """
    return {"<<": "pod", "networks": {"default": {"aliases": [instance.name]}}}


def envoy(where: Site, part: Part) -> Service:
    """A sidecar, in the network of its instance; or an entry, in one of its own."""
    instance = site.instance_of(part.name)
    beside = {"network_mode": f"service:{instance}-pod"} if instance != part.name else {}
    admin = where.socket(instance, "admin")
    return {
        "<<": "envoy",
        **({"mem_limit": limits.of(part.name)} if not beside else {}),
        "command": list(part.command),
        **beside,
        "volumes": [mount.said() for mount in volumes.of_part(where, part)],
        **({"configs": [{"source": DESCRIPTOR, "target": f"{where.root}/{FILES[DESCRIPTOR]}"}]} if part.name == "edge" else {}),
        "healthcheck": {"<<": "later", "test": ["CMD", "perl", "-MIO::Socket::UNIX", "-e", PERL, admin]},
        **published(where, part),
        **after(setup=DONE, **{mesh_parts.CONTROL: HEALTHY}),
    }


def python(where: Site, part: Part) -> Service:
    """A part of ours: the launcher becomes it by its plan, so that no secret stands in any listing."""
    instances = {one.name for one in topology.with_sidecars(where)}
    beside = {"network_mode": f"service:{part.name}-pod"} if part.name in instances else {}
    first: Service = {"<<": "part"}
    if part.name == mesh_parts.CONTROL:
        first = {"<<": "control-plane", "build": BUILD | {"target": "control-plane"}}
    needs = {DATABASES: DONE} if part.database else {SETUP: DONE}
    pace = "soon" if part.name == mesh_parts.CONTROL else "later"
    asks = [relative(where), "-m", "ops.compose.health", part.name]
    return {
        **first,
        **({"mem_limit": limits.of(part.name)} if limits.is_own(part.name) else {}),
        "command": launcher(where, part.name),
        **beside,
        "volumes": [mount.said() for mount in volumes.of_part(where, part)],
        "healthcheck": {"<<": pace, "test": ["CMD", *asks]},
        **({"stop_grace_period": f"{part.stop_seconds}s"} if part.stop_seconds != Part.stop_seconds else {}),
        **after(**needs),
    }


def relative(where: Site) -> str:
    """The interpreter, from the working folder."""
    return str(where.python.relative_to(where.root))


def once(where: Site) -> dict[str, Service]:
    """What is done once at each start, and is harmless when repeated."""
    run = [relative(where), "-m"]
    attributes = [
        word for name, kind in topology_attributes().items() for word in ("--name", name, "--type", kind)
    ]
    return {
        SETUP: {
            "<<": "once",
            "build": BUILD | {"target": "part"},
            "network_mode": "none",
            "command": [*run, "ops.compose.setup"],
            "environment": {"OTLP": "${OTLP:-}"},
            "volumes": "everything",
        },
        DATABASES: {
            "<<": "once",
            "command": [*run, "ops.compose.provision", "postgres"],
            "volumes": [f"state:{where.directory}"],
            **after(postgres=HEALTHY),
        },
        TOPICS: {
            "<<": "once",
            "command": [*run, "ops.compose.provision", "kafka"],
            "volumes": [f"state:{where.directory}"],
            **after(kafka=HEALTHY),
        },
        ATTRIBUTES: {
            "<<": "once",
            "image": images.TEMPORAL,
            "command": [
                "operator", "search-attribute", "create", "--address", where.address("temporal"), *attributes
            ],
            **after(temporal=HEALTHY),
        },
        TOOL: {
            "<<": "part",
            "restart": "no",
            "profiles": ["tools"],
            # sees the parts' processes: their memory, and a test kills them
            "pid": "host",
            "mem_limit": limits.TOOL,
            "environment": {"ORDERMESH_PROJECT": "${COMPOSE_PROJECT_NAME}"},
            "volumes": "everything",
        },
    }  # fmt: skip


def topology_attributes() -> Mapping[str, str]:
    """What workflows are searched by."""
    from ops import search_attributes

    return search_attributes.ATTRIBUTES
