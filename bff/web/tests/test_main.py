"""The process itself: it is healthy without anybody else, and leaves by itself when it is told to."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.web.app import PATH
from kit.testing.http_process import SECONDS, alone, client_of

pytestmark = pytest.mark.processes

PEERS = ("USERS", "PRODUCTS", "ORDERS", "PAYMENTS", "SHIPPING")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The web BFF, whose peers are not there."""
    with alone("bff.web", "BFF_WEB", PEERS, tmp_path) as found:
        yield found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_healthy_without_anybody_and_ends_well(
    process: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    with client_of(tmp_path) as web:
        assert web.get("/healthz").status_code == 200
        answer = web.post(PATH, json={"query": '{ product(sku: "MUG-BLUE") { sku } }'}).json()
        assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        process.send_signal(number)
        assert process.wait(SECONDS) == 0
    assert process.stdout is not None
    assert b"Traceback" not in process.stdout.read()
