"""A part that speaks HTTP as a process of its own, on a socket, with nobody behind it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30.0


@contextmanager
def alone(module: str, prefix: str, peers: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, as `python -m <module>` starts it, which listens when the block begins."""
    path = f"{folder}/socket"
    own = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen' / 'python'}",
        f"{prefix}_LISTEN": f"unix:{path}",
    } | {f"{prefix}_{peer}_ADDRESS": f"unix:{folder}/nobody" for peer in peers}
    command = [sys.executable, "-m", module]
    with subprocess.Popen(command, cwd=ROOT, env=own, stdout=subprocess.PIPE) as found:  # noqa: S603 - ours
        try:
            if not _listens(path):
                raise AssertionError(f"{module} does not listen after {SECONDS:.0f} s")
            yield found
        finally:
            if found.poll() is None:
                found.kill()


def client_of(folder: Path) -> httpx.Client:
    """A client of the process."""
    transport = httpx.HTTPTransport(uds=f"{folder}/socket")
    return httpx.Client(transport=transport, base_url="http://localhost", timeout=SECONDS)


def _listens(path: str) -> bool:
    """Whether the process has come so far."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(path) == 0:
                return True
        time.sleep(0.05)
    return False
