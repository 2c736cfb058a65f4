"""The process itself: it is healthy without anybody else, and leaves by itself when it is told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 30.0
PEERS = ("USERS", "PRODUCTS", "ORDERS", "NOTIFICATIONS")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The backend, whose peers are not there."""
    own = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen' / 'python'}",
        "BFF_PARTNER_LISTEN": f"unix:{tmp_path}/socket",
    } | {f"BFF_PARTNER_{peer}_ADDRESS": f"unix:{tmp_path}/nobody" for peer in PEERS}
    command = [sys.executable, "-m", "bff.partner"]
    with subprocess.Popen(command, cwd=ROOT, env=own, stdout=subprocess.PIPE) as found:  # noqa: S603 - ours
        yield found
        if found.poll() is None:
            found.kill()


def listens(path: str) -> bool:
    """Whether the process has come so far."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(path) == 0:
                return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_healthy_without_anybody_and_ends_well(
    process: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    assert listens(f"{tmp_path}/socket")
    transport = httpx.HTTPTransport(uds=f"{tmp_path}/socket")
    with httpx.Client(transport=transport, base_url="http://localhost", timeout=SECONDS) as http:
        assert http.get("/healthz").status_code == 200
        answer = http.get("/partner/v1/products", headers={"authorization": "Bearer a.b.c"})
        assert (answer.status_code, answer.json()["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
        process.send_signal(number)
        assert process.wait(SECONDS) == 0
    assert process.stdout is not None
    assert b"Traceback" not in process.stdout.read()
