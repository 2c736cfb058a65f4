"""The one description of the suite's parts: commands, environments, ports, probes and order.

Pure data and functions, no I/O: `make up`, `make status`, the tests and the check of compose.yaml
all read the parts from here. What a server's command line looks like is in `ops.servers`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from ops import mesh_parts, servers, workers
from ops.part import Part, ProbeKind
from ops.site import Instance, Site

# Ports of the suite "main". Another suite has a block of its own, in this order.
DEFAULT_PORTS: Mapping[str, int] = {
    "edge": 8080,
    "operator": 8081,
    "temporal_ui": 8233,
    "temporal": 7233,
    "envoy_admin": 9901,
    "postgres": 15432,
    "kafka": 19092,
    "kafka_controller": 19093,
    "supervisor": 19001,
    "users": 15051,
    "products": 15052,
    "orders": 15053,
    "inventory": 15054,
    "payments": 15055,
    "processor": 15056,
    "notifications": 15057,
    "smtp": 15025,
    "analytics": 15058,
    "worker": 15060,
    "worker_metrics": 15063,
    "temporal_metrics": 15064,
    "codec": 15065,
    "shipping": 15059,
    "overview": 15061,
    "edge_tls": 8443,
    "bff-web": 15066,
    "bff-mobile": 15067,
    "bff-partner": 15068,
}
PUBLISHED = ("edge", "edge_tls", "operator", "temporal_ui")
"""The ports that are open outside where the parts are in containers: on the machine's loopback only."""
NICE = 5
BLOCKS_FROM, BLOCK_SIZE, BLOCKS = 20000, 100, 100

# Python services: module to start, and the peers each one calls
SERVICES: Mapping[str, tuple[str, ...]] = {
    "users": (),
    "products": ("users",),
    "inventory": ("users", "kafka"),
    "processor": (),
    "payments": ("users", "processor", "kafka"),
    "notifications": ("users", "smtp", "kafka"),
    "analytics": ("users", "kafka"),
    "shipping": ("users", "kafka"),
    "orders": ("users", "products", "inventory", "payments", "notifications", "kafka", "temporal"),
}
SERVERS = frozenset({"kafka", "postgres", "temporal"})
"""The engines that we run and did not write."""
FRONTS: Mapping[str, tuple[str, ...]] = {
    "overview": ("orders", "users", "products", "payments", "shipping"),
    "bff-web": ("users", "products", "orders", "payments", "shipping"),
    "bff-mobile": ("users", "products", "orders"),
    "bff-partner": ("users", "products", "orders", "notifications"),
}
"""Parts that stand between a caller and the services, in the caller's name, and whom each calls. They keep
nothing: no database, no events. Like services they have sidecars, and as many instances as are wanted.
"""
HTTP = frozenset({"bff-web", "bff-mobile", "bff-partner"})
"""Those that speak HTTP instead of gRPC."""
WORKLOADS: Mapping[str, tuple[str, ...]] = {**SERVICES, **FRONTS}
"""What serves calls, may be scaled and is restarted instance by instance."""
GIVES_WAY = frozenset({"notifications", "mail", "analytics"})
"""Parts that no customer waits for: where the cores are few they must not slow the others down."""
DIRECT = frozenset({"kafka", "smtp", "temporal"})
"""What is called past the mesh: it speaks another protocol, and wants credentials of its own."""
TELLS_ONLY = frozenset({"shipping"})
"""Services that publish events and consume none."""
LOCAL_USE: Mapping[str, Mapping[str, str]] = {"notifications": {"NOTIFICATIONS_WEBHOOK_LOCAL": "true"}}
"""What services are allowed on a laptop only: webhooks to `make webhook-sink`, plain and on loopback."""
FOLDERS = (
    {name: f"services/{name}" for name in SERVICES}
    | {"processor": "services/payments/processor"}
    | {name: f"bff/{name.removeprefix('bff-')}" for name in FRONTS}
)


def assign_ports(suite: str, overrides: Mapping[str, int] | None = None) -> dict[str, int]:
    """The ports of a suite: those of "main", else a block from its name; overrides win."""
    if suite == "main":
        ports = dict(DEFAULT_PORTS)
    else:
        first = BLOCKS_FROM + BLOCK_SIZE * (zlib.crc32(suite.encode()) % BLOCKS)
        ports = {name: first + index for index, name in enumerate(DEFAULT_PORTS)}
    return ports | dict(overrides or {})


def urls(site: Site) -> dict[str, str]:
    """What a person opens or calls, by what it is for."""
    return {
        "edge": f"http://{site.outside('edge')}",
        "edge_tls": f"https://{site.outside('edge_tls')}",
        "operator": f"http://{site.outside('operator')}",
        "temporal_ui": f"http://{site.outside('temporal_ui')}",
        "temporal": f"{site.outside('temporal')}",
        "kafka": f"{site.outside('kafka')}",
        "postgres": f"{site.outside('postgres')}",
        "envoy_admin": f"http://{site.outside('envoy_admin')}",
    }


def readers() -> list[str]:
    """The services that consume events; each is a consumer group of its own name."""
    return [name for name, peers in SERVICES.items() if "kafka" in peers and name not in TELLS_ONLY]


def prefix_of(workload: str) -> str:
    """What the names of a workload's variables begin with."""
    return workload.upper().replace("-", "_")


def environment_of(site: Site, instance: Instance) -> dict[str, str]:
    """Exactly the variables that one service or front knows; an unknown one would stop it."""
    name, prefix = instance.workload, prefix_of(instance.workload)
    environment = site.spans(prefix) | {
        f"{prefix}_LISTEN": site.application(instance.name),
        f"{prefix}_PROFILE": "dev",
        **LOCAL_USE.get(name, {}),
    }
    if name in SERVICES:
        environment[f"{prefix}_DATABASE_URL"] = site.database_url(name)
    if "temporal" in WORKLOADS[name]:
        environment |= site.payload_environment(prefix)
        environment[f"{prefix}_TEMPORAL_UI"] = f"http://{site.outside('temporal_ui')}"
    return environment | {
        f"{prefix}_{peer.upper()}_ADDRESS": site.address(peer)
        if peer in DIRECT
        else site.peer(instance.name, peer)
        for peer in WORKLOADS[name]
    }


def workload(site: Site, instance: Instance) -> Part:
    """One of the suite's own services, with its own database, which its instances share; or a front."""
    name = instance.workload
    kept = ("postgres",) if name in SERVICES else ()
    return Part(
        name=instance.name,
        command=(str(site.python), "-m", FOLDERS[name].replace("/", ".")),
        ports=() if site.mesh else (instance.name,),
        probe=ProbeKind.HTTP if name in HTTP else ProbeKind.GRPC,
        environment=environment_of(site, instance),
        # the first one migrates
        needs=kept if instance.name == name else (*kept, name),
        database=name if kept else None,
        stop_seconds=15,
        asked=(site.application(instance.name),),
        nice=NICE if name in GIVES_WAY else 0,
    )


def server_parts(site: Site) -> tuple[Part, ...]:
    """The engines that the services stand on; slowest start first."""
    return (
        Part("kafka", servers.kafka(site), ("kafka", "kafka_controller"), ProbeKind.KAFKA, stop_seconds=20),
        Part(
            name="postgres",
            command=servers.postgres(site),
            ports=("postgres",),
            probe=ProbeKind.POSTGRES,
            # INT is PostgreSQL's fast shutdown. Its children must not get the signal themselves:
            # the checkpointer would write its last checkpoint while sessions are still open.
            stop_signal="INT",
            stop_seconds=20,
            signals_group=False,
            refuses_root=True,
        ),
        Part(
            "temporal",
            servers.temporal(site),
            ("temporal", "temporal_ui", "temporal_metrics"),
            ProbeKind.TEMPORAL,
        ),
    )


def tool_parts(site: Site) -> tuple[Part, ...]:
    """The two small Python parts that are no services."""
    mail = {"MAIL_LISTEN": site.listener("smtp"), "MAIL_DIRECTORY": str(site.directory / "mail")}
    described = {name: f"unix:{mesh_parts.reflection(site, name)}" for name in mesh_parts.ENTRIES}
    reflection = {f"REFLECTION_{name.upper()}_LISTEN": address for name, address in described.items()}
    python = str(site.python)
    return (
        Part("mail", (python, "-m", "ops.mail_sink"), ("smtp",), ProbeKind.SMTP, mail, nice=NICE),
        Part(
            "reflection",
            (python, "-m", "ops.reflection"),
            (),
            ProbeKind.GRPC,
            reflection,
            asked=tuple(described.values()),
        ),
    )


def codec_parts(site: Site) -> tuple[Part, ...]:
    """What decrypts for the Temporal UI; only if there is something to decrypt."""
    if not site.payload_keys:
        return ()
    port = site.ports["temporal_ui"]
    environment = site.payload_environment("CODEC") | {
        "CODEC_LISTEN": site.address("codec"),
        # two names of the same place: which one is the origin depends on what was typed
        "CODEC_UI_ORIGINS": f"http://localhost:{port},http://127.0.0.1:{port}",
    }
    command = (str(site.python), "-m", "ops.codec_server")
    return (Part("codec", command, ("codec",), ProbeKind.HTTP, environment, nice=NICE),)


def served(site: Site) -> tuple[Instance, ...]:
    """Every instance of every service and front."""
    return tuple(one for name in WORKLOADS for one in site.instances(name))


def with_sidecars(site: Site) -> tuple[Instance, ...]:
    """Every instance that has a sidecar beside it in the mesh: all that serve calls, and the worker."""
    return (*served(site), Instance(workers.CURRENT, workers.CURRENT))


def is_launched(site: Site, part: str) -> bool:
    """Whether our launcher becomes it by a plan: not a server in a container, whose own image starts it."""
    return not (site.contained and part in SERVERS)


def all_parts(site: Site) -> tuple[Part, ...]:
    """Every part, in the order in which they are started and listed."""
    workloads = tuple(workload(site, one) for one in served(site))
    mesh = (*mesh_parts.members(site, with_sidecars(site)), *mesh_parts.entries(site))
    return (
        server_parts(site) + mesh + tool_parts(site) + codec_parts(site) + (*workloads, *workers.parts(site))
    )
