"""What a proxy tells of the calls that go through it: lines about them, and spans."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class AccessLogs(Enum):
    """Which calls get a line."""

    ERRORS = "errors"
    ALL = "all"
    OFF = "off"


@dataclass(frozen=True)
class Observing:
    """One proxy's part of it."""

    workload: str
    access_logs: AccessLogs = AccessLogs.ERRORS
    traces: float = 0.0  # percent of the traces that begin here
    collector: str = ""  # where spans go, `host:port`; empty: none are made
