"""What a proxy tells of the calls that go through it: lines about them, and spans."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.policy import AccessLogs


@dataclass(frozen=True)
class Observing:
    """One proxy's part of it."""

    workload: str
    access_logs: AccessLogs = AccessLogs.ERRORS
    traces: float = 0.0  # percent of the traces that begin here
    collector: str = ""  # where spans go, `host:port`; empty: none are made
