"""Sidecars write a line of a call that failed, with what one needs to find it, and with no secret."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from mesh.policy import AccessLogs, Telemetry
from mesh.tests.answers import PLAIN, TRACE, Held, answer, application, ask_admin, eventually, tried, until
from mesh.tests.fleet import Fleet, fleet

pytestmark = pytest.mark.processes

TOKEN = "Bearer a-secret-token"
HEADERS = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"), ("authorization", TOKEN))
RESERVE = "/ordermesh.inventory.v1.InventoryService/ReserveStock"


@asynccontextmanager
async def pair(folder: Path, which: AccessLogs) -> AsyncIterator[tuple[Fleet, Held]]:
    """Orders and inventory, and one call that came through."""
    policy = replace(tried(PLAIN, 2), telemetry=Telemetry(access_logs=which))
    async with fleet(folder, policy, timedelta(hours=1)) as mesh:
        held = Held()
        server = await application(mesh, held)
        await mesh.sidecar("inventory", "inventory-1", "v1")
        await mesh.sidecar("orders", "orders-1")
        await until(mesh, grpc.StatusCode.OK)
        yield mesh, held
        held.go.set()
        await server.stop(0)


async def lines(mesh: Fleet, name: str) -> list[dict[str, Any]]:
    """What a sidecar has written when it ends; until then it keeps lines back, and a call has none before it
    is over.
    """
    door = "egress" if name.startswith("orders") else "inbound"

    async def nothing_under_way() -> bool:
        found = await ask_admin(mesh, name, f"/stats?filter=^http.{door}.downstream_rq_active$")
        return found.strip() == f"http.{door}.downstream_rq_active: 0"

    await eventually(nothing_under_way)
    await ask_admin(mesh, name, "/quitquitquit", "POST")
    await mesh.ended(name)  # its admin is gone before the last lines are written
    written = (mesh.folder / f"{name}.log").read_text()
    assert TOKEN not in written
    return [json.loads(line) for line in written.splitlines() if line.startswith("{")]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("m")  # a socket's path has at most 107 bytes


async def test_a_call_that_failed_is_told_on_both_sides_and_found_by_its_trace(folder: Path) -> None:
    async with pair(folder, AccessLogs.ERRORS) as (mesh, held):
        held.fails = 3
        await answer(mesh, HEADERS)
        found = [line for line in await lines(mesh, "orders-1") if line["trace_id"] == TRACE]
        heard = [line for line in await lines(mesh, "inventory-1") if line["trace_id"] == TRACE]
    (line,) = found
    assert isinstance(line.pop("duration_ms"), int)
    assert line.pop("timestamp").endswith("Z")
    assert line.pop("upstream").startswith("127.0.0.1:")
    assert line == {
        "event": "call",
        "service": "orders",
        "direction": "egress",
        "caller": "orders",
        "callee": "inventory",
        "method": RESERVE,
        "grpc_status": "UNAVAILABLE",
        "http_status": 200,
        "flags": "URX",
        "detail": "via_upstream",
        "attempts": 3,
        "trace_id": TRACE,
    }
    assert [(line["direction"], line["caller"], line["attempts"]) for line in heard] == [
        ("inbound", "spiffe://ordermesh.local/orders", 1)
    ] * 3


async def test_calls_that_came_to_no_end_are_told_and_good_ones_are_not(folder: Path) -> None:
    async with pair(folder, AccessLogs.ERRORS) as (mesh, held):
        assert (await answer(mesh, HEADERS)).code is grpc.StatusCode.OK
        held.holds = True
        await answer(mesh, traced("1" * 32), timeout=0.2)
        held.heard.clear()
        given_up = asyncio.create_task(answer(mesh, traced("2" * 32)))
        await held.heard.wait()
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        told = {line["trace_id"]: line for line in await lines(mesh, "orders-1")}
    assert TRACE not in told
    # whoever is first: the caller, who resets it, or a proxy, which answers
    assert told["1" * 32]["flags"] in ("DR", "DC") or told["1" * 32]["grpc_status"] == "DEADLINE_EXCEEDED"
    assert told["2" * 32]["flags"] in ("DR", "DC")


def traced(trace_id: str) -> tuple[tuple[str, str], ...]:
    return (("traceparent", f"00-{trace_id}-b7ad6b7169203331-01"),)


async def test_all_calls_are_told_when_asked_but_not_every_health_check(folder: Path) -> None:
    async with pair(folder, AccessLogs.ALL) as (mesh, _):
        await answer(mesh, HEADERS)
        (ours,) = [line for line in await lines(mesh, "orders-1") if line["trace_id"] == TRACE]
        heard = await lines(mesh, "inventory-1")
    assert (ours["grpc_status"], ours["flags"]) == ("OK", "-")
    assert [line["method"] for line in heard if line["grpc_status"] == "OK"][-1] == RESERVE
    assert "/grpc.health.v1.Health/Check" not in {
        line["method"] for line in heard if line["grpc_status"] == "OK"
    }


async def test_nothing_is_told_when_it_is_off(folder: Path) -> None:
    async with pair(folder, AccessLogs.OFF) as (mesh, held):
        held.fails = 3
        assert (await answer(mesh)).code is grpc.StatusCode.UNAVAILABLE
        assert await lines(mesh, "orders-1") == []
        assert await lines(mesh, "inventory-1") == []
