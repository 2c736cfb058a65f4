"""Look for what keeps a suite from starting: memory, disk, busy ports. Each problem names its way out."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from ops.part import Part
from ops.site import HOST, Site

MEMORY_NEEDED = 2.5  # GB for the whole suite
DISK_NEEDED = 1.0  # GB for data and logs
UNSEEN = "a process that this user may not see"


@dataclass(frozen=True)
class Problem:
    """What is wrong, and what the reader can do about it."""

    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.what}\n  → {self.way_out}"


def memory() -> list[Problem]:
    """Too little free memory for a suite that is about to start."""
    free = psutil.virtual_memory().available / 1e9
    if free >= MEMORY_NEEDED:
        return []
    return [
        Problem(
            f"only {free:.1f} GB of memory are free; the suite needs {MEMORY_NEEDED} GB",
            "close other programs",
        )
    ]


def disk(site: Site) -> list[Problem]:
    """Too little room for the databases, the broker and the logs."""
    free = shutil.disk_usage(site.directory).free / 1e9
    if free >= DISK_NEEDED:
        return []
    return [
        Problem(
            f"only {free:.1f} GB are free under {site.directory}; {DISK_NEEDED:.0f} GB are needed",
            "free some space; `make reset` removes this suite's data",
        )
    ]


def is_free(port: int) -> bool:
    """Whether we could listen there now."""
    with socket.socket() as probe:
        # a port in TIME_WAIT is free for a server
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """The process that listens on a port, if this user may know it."""
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        pids = [c.pid for c in listening if c.pid and getattr(c.laddr, "port", None) == port]
        return f"process {pids[0]} ({psutil.Process(pids[0]).name()})" if pids else UNSEEN
    except psutil.Error:
        return UNSEEN


def ports(site: Site, parts: Iterable[Part]) -> list[Problem]:
    """Ports of the given parts (that do not run yet) on which somebody else listens."""
    wanted = [name for part in parts for name in part.ports]
    return port_problems(site, wanted)


def port_problems(site: Site, names: Iterable[str]) -> list[Problem]:
    """Busy ports by name."""
    return [
        Problem(
            f"port {site.ports[name]} ({name}) is taken by {holder(site.ports[name])}",
            f"end that process, or choose another port: `make up PORT_{name.upper()}=…`, "
            "or run a second suite on ports of its own: `make up SUITE=mine`",
        )
        for name in names
        if not is_free(site.ports[name])
    ]
