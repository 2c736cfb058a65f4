"""A service that is configured wrongly does not start: exit 78, every fault at once, no secret shown."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kit.testing.postgres import scratch_url
from ops import state, topology

pytestmark = pytest.mark.processes

EXIT_CONFIG = 78
SECONDS = 30
SECRET = "s3cr3t-of-nobody"
URL = f"postgresql://service:{SECRET}@127.0.0.1:1/service"

INVENTORYS = {
    path.name: path.read_text() for path in (state.ROOT / "services/inventory/migrations").glob("*.sql")
}

each_service = pytest.mark.parametrize("service", list(topology.WORKLOADS))


def start(service: str, settings: Mapping[str, str]) -> tuple[int, list[str]]:
    """Run a service with these settings only; its exit code, and the lines of its standard error."""
    done = subprocess.run(
        command(service),
        cwd=state.ROOT,
        env=environment() | dict(settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()


def command(service: str) -> list[str]:
    return [sys.executable, "-m", topology.FOLDERS[service].replace("/", ".")]


def environment() -> dict[str, str]:
    """What every program needs, and none of the caller's settings."""
    paths = f"{state.ROOT}:{state.ROOT / 'protos' / 'gen' / 'python'}"
    return {"PATH": os.environ["PATH"], "PYTHONPATH": paths}


def required(service: str) -> dict[str, str]:
    """Everything that the service must be told, and it is right."""
    prefix = topology.prefix_of(service)
    peers = {f"{prefix}_{peer.upper()}_ADDRESS": "127.0.0.1:1" for peer in topology.WORKLOADS[service]}
    kept = {f"{prefix}_DATABASE_URL": URL} if service in topology.SERVICES else {}
    return {f"{prefix}_LISTEN": "127.0.0.1:0"} | kept | peers


@each_service
def test_every_missing_variable_is_named_with_an_example(service: str) -> None:
    code, lines = start(service, {})
    assert code == EXIT_CONFIG
    assert {line.split(":")[0] for line in lines} == set(required(service))
    for line in lines:
        assert re.fullmatch(r"[A-Z_]+: required, not set \(example: .+\)", line)


@each_service
def test_wrong_and_unknown_variables_are_named_together(service: str) -> None:
    prefix = topology.prefix_of(service)
    peers = {name: "http://peer" for name in required(service) if name.endswith("_ADDRESS")}
    wrong = {f"{prefix}_LISTEN": "", f"{prefix}_PROFILE": "test", f"{prefix}_DRAIN_SECONDS": "-1"} | peers
    unknown = {f"{prefix}_LISTENS": SECRET, f"{prefix}_LOG_LEVLE": SECRET}
    code, lines = start(service, required(service) | wrong | unknown)
    said = {line.split(":")[0]: line for line in lines}
    assert code == EXIT_CONFIG
    assert set(said) == {*wrong, *unknown}
    for name, value in wrong.items():
        assert repr(value) in said[name]
    assert said[f"{prefix}_LISTENS"].endswith(f"nearest is {prefix}_LISTEN")
    assert said[f"{prefix}_LOG_LEVLE"].endswith(f"nearest is {prefix}_LOG_LEVEL")


def test_a_crash_point_is_refused_in_production() -> None:
    code, lines = start("orders", required("orders") | {"ORDERS_CRASH_AT": "orders.after_commit"})
    assert code == EXIT_CONFIG
    assert len(lines) == 1
    assert "ORDERS_CRASH_AT" in lines[0]
    assert "ORDERS_PROFILE=dev" in lines[0]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("migrations", "said"),
    [
        ({"20000101000000_past.sql": ""}, "the schema is older than the code"),
        ({"20990101000000_future.sql": ""} | INVENTORYS, "the schema is newer than the code"),
    ],
    ids=["older", "newer"],
)
async def test_a_service_never_works_on_a_schema_that_it_does_not_know(
    tmp_path: Path, migrations: dict[str, str], said: str
) -> None:
    for name, text in migrations.items():
        (tmp_path / name).write_text(text or "-- migrate:up\nselect 1;\n-- migrate:down\n")
    async with scratch_url(tmp_path) as url:
        settings = required("inventory") | {"INVENTORY_DATABASE_URL": url}
        code, lines = await asyncio.to_thread(start, "inventory", settings)
    assert code == EXIT_CONFIG
    assert said in lines[-1]


def test_a_service_without_its_database_waits_for_it_and_says_so(tmp_path: Path) -> None:
    settings = required("inventory") | {"INVENTORY_LISTEN": f"unix:{tmp_path}/socket"}
    process = subprocess.Popen(command("inventory"), cwd=state.ROOT, env=environment() | settings)
    try:
        with grpc.insecure_channel(settings["INVENTORY_LISTEN"]) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS, wait_for_ready=True)
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert process.poll() is None
    finally:
        process.terminate()
    assert process.wait(SECONDS) == 0


def test_a_part_that_keeps_nothing_is_healthy_without_anybody_else(tmp_path: Path) -> None:
    settings = required("overview") | {"OVERVIEW_LISTEN": f"unix:{tmp_path}/socket"}
    process = subprocess.Popen(command("overview"), cwd=state.ROOT, env=environment() | settings)
    try:
        with grpc.insecure_channel(settings["OVERVIEW_LISTEN"]) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            watched = health.Watch(health_pb2.HealthCheckRequest(), timeout=SECONDS, wait_for_ready=True)
            assert health_pb2.HealthCheckResponse.SERVING in (answer.status for answer in watched)
    finally:
        process.terminate()
    assert process.wait(SECONDS) == 0
