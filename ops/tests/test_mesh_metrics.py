"""A sidecar's own numbers say how its application's calls of others went."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from mesh.tests.answers import PLAIN, Held, answer, application, ask_admin, eventually, tried, until
from mesh.tests.fleet import Fleet, fleet
from ops.envoy_admin import NoAnswer, stats
from ops.mesh_metrics import STATS, Pair, pairs

pytestmark = pytest.mark.processes

TOLD = """{"stats": [
    {"name": "cluster.inventory.grpc.success", "value": 22},
    {"name": "cluster.inventory.grpc.failure", "value": 3},
    {"name": "cluster.inventory.grpc.0", "value": 22},
    {"name": "cluster.inventory.upstream_rq_retry", "value": 4},
    {"name": "cluster.inventory.upstream_rq_tx_reset", "value": 1},
    {"name": "cluster.bff-web.upstream_rq_completed", "value": 5},
    {"name": "cluster.bff-web.upstream_rq_5xx", "value": 2},
    {"name": "cluster.inventory.upstream_rq_completed", "value": 29},
    {"name": "listener_manager.workers_started", "value": 1},
    {"histograms": {"supported_quantiles": [0, 50, 99], "computed_quantiles": [
        {"name": "cluster.inventory.upstream_rq_time", "values": [
            {"interval": 1, "cumulative": 1},
            {"interval": null, "cumulative": 1.5},
            {"interval": null, "cumulative": 23.5}]},
        {"name": "cluster.bff-web.upstream_rq_time", "values": [
            {"interval": null, "cumulative": null},
            {"interval": null, "cumulative": null},
            {"interval": null, "cumulative": null}]}]}}]}"""


def test_each_callee_is_a_row_and_what_was_given_up_stands_beside() -> None:
    assert pairs("edge", json.loads(TOLD)) == [
        Pair("edge", "bff-web", 5, 2, 0, 0, None, None),
        Pair("edge", "inventory", 25, 3, 4, 1, 1.5, 23.5),
    ]


def test_who_has_called_nobody_has_no_rows() -> None:
    assert pairs("users", {"stats": []}) == []


def test_a_sidecar_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match=r"orders-1\.admin does not answer"):
        stats(tmp_path / "orders-1.admin", STATS)


@pytest.fixture
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    folder = tmp_path_factory.mktemp("m")  # a socket's path has at most 107 bytes
    async with fleet(folder, tried(PLAIN, 2), timedelta(hours=1)) as made:
        yield made


async def test_a_real_sidecar_counts_calls_failures_and_second_tries(mesh: Fleet) -> None:
    held = Held()
    server = await application(mesh, held)
    await mesh.sidecar("inventory", "inventory-1", "v1")
    await mesh.sidecar("orders", "orders-1")
    await until(mesh, grpc.StatusCode.OK)
    await ask_admin(mesh, "orders-1", "/reset_counters", "POST")
    for fails in (0, 0, 1, 3):  # good, good, good at the second try, bad
        held.fails = fails
        await answer(mesh)
    held.holds = True
    given_up = asyncio.create_task(answer(mesh))
    await held.heard.wait()
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)

    async def told() -> list[Pair]:
        return pairs("orders", await asyncio.to_thread(stats, mesh.folder / "orders-1.admin", STATS))

    async def counted() -> bool:
        found = await told()
        return found[0].broken_off == 1 and found[0].p99_ms is not None  # times come every 5 s

    await eventually(counted)
    (pair,) = await told()
    assert (pair.callee, pair.calls, pair.failed, pair.retried) == ("inventory", 4, 1, 3)
    assert pair.p50_ms is not None
    assert pair.p99_ms is not None
    assert pair.p50_ms <= pair.p99_ms
    held.go.set()
    await server.stop(0)
