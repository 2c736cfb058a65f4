"""A site for tests: the real checkout's programs, free ports, and a state of its own."""

from __future__ import annotations

import base64
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ops import programs, state, topology
from ops.site import Site


@dataclass(frozen=True)
class ScratchSite(Site):
    """A site whose state lies in a test's own folder instead of under var/."""

    scratch: Path = Path()

    @property
    def state(self) -> Path:
        return self.scratch


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; held together, so that none is given twice."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


PAYLOAD_KEYS = f"k1:{base64.b64encode(b'password-of-workflows-1234567890').decode()}"


@pytest.fixture
def encrypting(site: Site) -> Site:
    """The same site with a key for payloads."""
    return replace(site, payload_keys=PAYLOAD_KEYS)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    names = list(topology.DEFAULT_PORTS)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    passwords = {name: f"password-of-{name}" for name in ("postgres", "supervisor", *topology.SERVICES)}
    found = programs.find(state.ROOT, os.environ)
    for folder in state.FOLDERS:
        (tmp_path / folder).mkdir()
    return ScratchSite(state.ROOT, "scratch", ports, passwords, found, scratch=tmp_path)
