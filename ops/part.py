"""What a part of the suite is: one process, how it is run, and how it is asked whether it is ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ProbeKind(StrEnum):
    """How to ask a part whether it is ready."""

    POSTGRES = "postgres"
    KAFKA = "kafka"
    TEMPORAL = "temporal"
    ENVOY = "envoy"
    GRPC = "grpc"
    SMTP = "smtp"
    WORKER = "worker"
    HTTP = "http"
    PORTLESS = "portless"  # gRPC at a port that the system has chosen


@dataclass(frozen=True)
class Part:
    """One process of the suite, as supervisor runs it and `make up` waits for it."""

    name: str
    command: tuple[str, ...]
    ports: tuple[str, ...]  # names in `topology.DEFAULT_PORTS`; the probe asks the first
    probe: ProbeKind
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()  # parts that must be ready before this one starts
    after: tuple[str, ...] = ()  # parts that are waited for too, whatever becomes of them
    database: str | None = None  # migrated before each start, by the role of the same name
    stop_signal: str = "TERM"
    stop_seconds: int = 10  # then it is killed
    signals_group: bool = True  # whether a stop goes to its children too
    refuses_root: bool = False
    nice: int = 0  # above zero: gives way to the parts that somebody waits for
