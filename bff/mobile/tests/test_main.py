"""The process itself: it is healthy without anybody else, and leaves by itself when it is told to."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.mobile.routes import PREFIX
from kit.testing.http_process import SECONDS, alone, client_of

pytestmark = pytest.mark.processes

PEERS = ("USERS", "PRODUCTS", "ORDERS")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The mobile BFF, whose peers are not there."""
    with alone("bff.mobile", "BFF_MOBILE", PEERS, tmp_path) as found:
        yield found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_healthy_without_anybody_and_ends_well(
    process: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    with client_of(tmp_path) as app:
        assert app.get("/healthz").status_code == 200
        answer = app.post(f"{PREFIX}/sign-in", json={"u": "ada", "p": "a-password-of-a-test"})
        assert (answer.status_code, answer.json()["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
        process.send_signal(number)
        assert process.wait(SECONDS) == 0
    assert process.stdout is not None
    told = process.stdout.read()
    assert b"request_unavailable" in told
    assert b"Traceback" not in told
    assert b"a-password-of-a-test" not in told
