"""What is told to the container engine, and understood of its answers; by an engine of our own."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from ops.compose.engine import Engine
from ops.errors import SuiteError

PROJECT = "ordermesh-test"


@dataclass
class FakeEngine:
    """Two containers, one of them in the network of the other; remembers what it is told to do."""

    path: Path
    status: str = "running"
    told: list[str] = field(default_factory=list)
    measuring: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=20))

    def answer(self, method: str, path: str) -> tuple[int, bytes]:
        if path.startswith("/containers/json"):
            assert f"com.docker.compose.project%3D{PROJECT}" in path
            return 200, json.dumps([self._row("orders-pod"), self._row("orders")]).encode()
        name, _, what = path.removeprefix("/containers/").partition("/")
        if method == "GET" and what == "json":
            mode = "container:id-of-orders-pod" if name == "id-of-orders" else "default"
            state = {
                "Status": self.status,
                "Pid": 42 if self.status == "running" else 0,
                "StartedAt": "2026-11-25T12:00:00.123456789Z",
            }
            return 200, json.dumps({"State": state, "HostConfig": {"NetworkMode": mode}}).encode()
        if what.startswith("logs"):
            lines = (b"first\nsec", b"ond\n")
            return 200, b"".join(struct.pack(">BxxxI", 1, len(line)) + line for line in lines)
        if what.startswith("stats"):
            self.measuring.wait()  # answers who asks for one after the other never
            usage = {"usage": 50_000_000, "stats": {"inactive_file": 20_000_000}}
            return 200, json.dumps({"memory_stats": usage}).encode()
        self.told.append(f"{name.removeprefix('id-of-')} {what}")
        return (304 if self.status == "running" else 204), b""

    def _row(self, name: str) -> dict[str, object]:
        labels = {"com.docker.compose.service": name}
        return {"Id": f"id-of-{name}", "State": self.status, "Labels": labels}


@contextmanager
def serving(fake: FakeEngine) -> Iterator[Engine]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = fake.answer(self.command, self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name is the standard library's

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def address_string(self) -> str:
            return "socket"

    with ThreadingUnixStreamServer(str(fake.path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Engine(PROJECT, str(fake.path))
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def fake(tmp_path: Path) -> FakeEngine:
    return FakeEngine(tmp_path / "engine")


def test_a_container_that_runs_is_a_part_that_runs(fake: FakeEngine) -> None:
    with serving(fake) as engine:
        found = engine.states()["orders"]
        assert (engine.is_running(), found.state, found.pid, found.seconds > 0) == (True, "RUNNING", 42, True)


@pytest.mark.parametrize(
    ("status", "state"), [("exited", "EXITED"), ("created", "STOPPED"), ("restarting", "BACKOFF")]
)
def test_the_engine_s_words_are_said_in_supervisor_s(fake: FakeEngine, status: str, state: str) -> None:
    fake.status = status
    with serving(fake) as engine:
        found = engine.states()["orders"]
        assert (engine.is_running(), found.state, found.pid) == (False, state, 0)


def test_an_application_is_started_after_the_pod_whose_network_it_is_in(fake: FakeEngine) -> None:
    fake.status = "exited"
    with serving(fake) as engine:
        engine.start("orders")
    assert fake.told == ["orders-pod start", "orders start"]


def test_a_start_of_what_runs_and_a_stop_are_harmless(fake: FakeEngine) -> None:
    with serving(fake) as engine:
        engine.start("orders-pod")
        engine.stop("orders-pod")
    assert fake.told == ["orders-pod start", "orders-pod stop"]


def test_what_is_killed_is_gone_and_then_started_again(fake: FakeEngine) -> None:
    with serving(fake) as engine:
        engine.kill("orders-pod")
    assert fake.told == ["orders-pod kill", "orders-pod wait", "orders-pod start"]


def test_the_pieces_of_a_log_are_its_lines(fake: FakeEngine) -> None:
    with serving(fake) as engine:
        assert engine.last_lines("orders", 5) == ["first", "second"]


def test_memory_is_what_the_system_would_not_give_up_at_once(fake: FakeEngine) -> None:
    with serving(fake) as engine:
        assert engine.memory() == {"orders-pod": 30_000_000, "orders": 30_000_000}


def test_a_part_without_a_container_is_said_with_the_way_out(fake: FakeEngine) -> None:
    with (
        serving(fake) as engine,
        pytest.raises(SuiteError, match="no container of 'inventory'; `make status`"),
    ):
        engine.start("inventory")


def test_without_the_socket_of_an_engine_a_command_is_let_try(tmp_path: Path) -> None:
    assert Engine(PROJECT, str(tmp_path / "nobody")).is_running()


def test_an_engine_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="the container engine does not answer at"):
        Engine(PROJECT, str(tmp_path / "nobody")).states()
