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
class Site:
    """All that the topology needs to know about the machine and the suite."""

    root: Path
    suite: str
    ports: Mapping[str, int]
    passwords: Mapping[str, str]
    programs: Programs
    # <PREFIX>_PAYLOAD_KEYS of all that work with workflows; empty: nothing was ever encrypted
    payload_keys: str = field(default="", repr=False)

    @property
    def state(self) -> Path:
        """The folder of all state of the suite, relative to the checkout."""
        return Path("var", "suites", self.suite)

    @property
    def directory(self) -> Path:
        """The same folder, absolute."""
        return self.root / self.state

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

    @property
    def admin_database_url(self) -> str:
        """URL of the database server for its superuser."""
        return f"postgresql://postgres:{self.passwords['postgres']}@{self.address('postgres')}/postgres"
