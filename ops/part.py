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
    HTTP = "http"
    PORTLESS = "portless"  # gRPC at a port that the system has chosen
    SIDECAR = "sidecar"  # Envoy, with its admin on a socket


@dataclass(frozen=True)
class Part:
    """One process of the suite, as supervisor runs it and `make up` waits for it."""

    name: str
    command: tuple[str, ...]
    ports: tuple[str, ...]  # names in `Site.ports`, each open when the part is ready
    probe: ProbeKind
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()  # parts that must be ready before this one starts
    after: tuple[str, ...] = ()  # parts that are waited for too, whatever becomes of them
    database: str | None = None  # migrated before each start, by the role of the same name
    stop_signal: str = "TERM"
    stop_seconds: int = 10  # then it is killed
    signals_group: bool = True  # whether a stop goes to its children too
    refuses_root: bool = False
    asked: tuple[str, ...] = ()
    """Where the probe asks: addresses of gRPC servers, or the path of a sidecar's admin socket."""
    nice: int = 0  # above zero: gives way to the parts that somebody waits for
