"""Where one suite lives: its folders, ports, passwords and the programs it runs. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"


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

    @property
    def state(self) -> Path:
        """The folder of all state of the suite, relative to the checkout."""
        return Path("var", "suites", self.suite)

    @property
    def directory(self) -> Path:
        """The same folder, absolute."""
        return self.root / self.state

    @property
    def builds(self) -> Path:
        """The folder of the code of each build of the worker."""
        return self.directory / "workers"

    @property
    def python(self) -> Path:
        """The interpreter of the application's environment."""
        return self.root / "var" / "venv" / "app" / "bin" / "python"

    def address(self, port: str) -> str:
        """host:port of a named port."""
        return f"{HOST}:{self.ports[port]}"

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
