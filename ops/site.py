"""Where one suite lives: its folders, ports, passwords and the programs it runs. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
EVERYWHERE = "0.0.0.0"


def option_of(suite: str) -> str:
    """What a command needs besides, for another suite than "main"."""
    return "" if suite == "main" else f" SUITE={suite}"


@dataclass(frozen=True)
class Programs:
    """Paths of what the servers' environment holds; each can be replaced, see `ops.programs`."""

    postgres: Path  # the folder of initdb, postgres, psql
    java: Path
    kafka_jars: Path  # a folder of jars
    temporal: Path
    envoy: Path
    dbmate: Path


@dataclass(frozen=True)
class Workers:
    """Which builds of the Temporal worker a suite has; without versions only what the checkout is."""

    build: str = ""  # what the part `worker` runs; empty: the checkout, whatever it is
    old: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Builds kept for workflows that are pinned to them, each with the environment it was made for."""


FIRST_VERSION = "v1"


@dataclass(frozen=True)
class Instance:
    """One instance of a workload: the name of its part, and of its node in the mesh."""

    name: str
    workload: str
    version: str = FIRST_VERSION


@dataclass(frozen=True)
class Site:
    """All that the topology needs to know about the machine and the suite."""

    root: Path
    suite: str
    ports: Mapping[str, int]
    passwords: Mapping[str, str]
    programs: Programs
    # <PREFIX>_PAYLOAD_KEYS of all that work with workflows; empty: nothing was ever encrypted
    payload_keys: str = field(default="", repr=False)
    workers: Workers = Workers()
    mesh: bool = True  # False: every part calls the others straight (`make up MESH=off`)
    scaled: tuple[Instance, ...] = ()
    """Instances beside the first of their service, by `make scale`; each has a port of its own name."""
    otlp: str = ""
    """Where all parts send their spans, `host:port` of an OTLP gRPC server; empty: nobody makes any."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """In containers: the host of each port, by the port's name. Empty: all are on this machine's loopback."""
    published: Mapping[str, int] = field(default_factory=dict)
    """In containers: the machine's own ports at which those are open that are open outside, by name."""

    @property
    def state(self) -> Path:
        """The folder of all state of the suite, relative to the checkout."""
        return Path("var", "suites", self.suite)

    @property
    def directory(self) -> Path:
        """The same folder, absolute."""
        return self.root / self.state

    @property
    def tls(self) -> Path:
        """The folder of the edge's certificate and of its authority, relative to the checkout."""
        return self.state / "tls"

    @property
    def builds(self) -> Path:
        """The folder of the code of each build of the worker."""
        return self.directory / "workers"

    @property
    def python(self) -> Path:
        """The interpreter of the application's environment."""
        return self.root / "var" / "venv" / "app" / "bin" / "python"

    @property
    def contained(self) -> bool:
        """Whether each part has a container, and so a host, of its own."""
        return bool(self.hosts)

    def host(self, port: str) -> str:
        """Where a named port is called."""
        return self.hosts.get(port, HOST)

    @property
    def bound(self) -> str:
        """Where servers listen: on loopback; in a container, which is closed to outside, everywhere."""
        return EVERYWHERE if self.contained else HOST

    def outside(self, port: str) -> str:
        """host:port of a named port, for a person's browser."""
        return f"localhost:{self.published.get(port, self.ports[port])}"

    def address(self, port: str) -> str:
        """host:port of a named port, for who calls it."""
        return f"{self.host(port)}:{self.ports[port]}"

    def listener(self, port: str) -> str:
        """host:port of a named port, for who serves it."""
        return f"{self.bound}:{self.ports[port]}"

    def prepared(self, part: str, kind: str) -> Path:
        """The folder of what a part starts with: its plan (`env`) or its configuration (`run`). In containers
        it is the part's alone, and whoever prepares sees them all.
        """
        return self.directory / "prepared" / part if self.contained else self.directory / kind

    def socket(self, name: str, door: str) -> str:
        """Path of one of an instance's sockets, relative to the checkout: it may have at most 107 bytes.
        Doors: `app` (of its application), `egress` and `admin` (of its sidecar). A folder an instance, for in
        containers only those who may use its sockets see it.
        """
        return str(self.state / "sockets" / name / door)

    def application(self, name: str) -> str:
        """Where an instance's own application serves gRPC: for its sidecar, and for who runs the suite."""
        return f"unix:{self.socket(name, 'app')}" if self.mesh else self.address(name)

    def peer(self, caller: str, callee: str) -> str:
        """What the instance `caller` is told as the address of another workload."""
        return f"unix:{self.socket(caller, 'egress')}" if self.mesh else self.address(callee)

    def instances(self, workload: str) -> tuple[Instance, ...]:
        """All instances of a workload, the first one first."""
        return (Instance(workload, workload), *(one for one in self.scaled if one.workload == workload))

    def spans(self, prefix: str) -> dict[str, str]:
        """For a part of ours: its `<PREFIX>_OTLP_ENDPOINT`, if spans are wanted."""
        return {f"{prefix}_OTLP_ENDPOINT": self.otlp} if self.otlp else {}

    @property
    def policy(self) -> Path:
        """The mesh's policy, relative to the checkout: its own file for the suite "main", else a copy."""
        if self.contained:
            return self.state / "policy" / "mesh.yaml"
        shared = self.suite == "main" or not self.mesh
        return Path("envoy", "mesh.yaml") if shared else self.state / "mesh.yaml"

    def database_url(self, name: str) -> str:
        """URL of a service's own database, opened by its own role."""
        return f"postgresql://{name}:{self.passwords[name]}@{self.address('postgres')}/{name}"

    def payload_environment(self, prefix: str) -> dict[str, str]:
        """For a part that starts or carries workflows: its `<PREFIX>_PAYLOAD_KEYS`, if there are keys."""
        return {f"{prefix}_PAYLOAD_KEYS": self.payload_keys} if self.payload_keys else {}

    @property
    def admin_database_url(self) -> str:
        """URL of the database server for its superuser."""
        return f"postgresql://postgres:{self.passwords['postgres']}@{self.address('postgres')}/postgres"
