"""What keeps one that is ill from making it worse for all: real sidecars before real failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import grpc
import pytest

from mesh.policy import Breaker, Outliers, Policy, RetryBudget
from mesh.tests.answers import PLAIN, answered, ask_admin, eventually, tried
from mesh.tests.fleet import Fleet, fleet
from mesh.tests.instances import Named, load
from ordermesh.inventory.v1 import inventory_service_pb2 as pb

pytestmark = pytest.mark.processes

OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
ATTEMPTS = 2
FIVE = Outliers(5, timedelta(milliseconds=100), timedelta(seconds=2), 50)
OUT, TIMES_OUT = "outlier_detection.ejections_active", "outlier_detection.ejections_enforced_total"
NEVER = replace(FIVE, consecutive_errors=1000)


class Slow(Named):
    """Refuses everything, after a while that differs from call to call."""

    refuses = False

    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Any) -> pb.ReserveStockResponse:
        if not self.refuses:
            return await super().ReserveStock(request, context)
        self.asked.append("ReserveStock")
        # much longer than a proxy waits before a second try: that wait takes up its budget too
        await asyncio.sleep(0.3 + 0.05 * (len(self.asked) % 5))
        await context.abort(UNAVAILABLE, "not now")
        raise AssertionError


@dataclass
class Calls:
    """Two instances, and one connection of orders to its sidecar."""

    mesh: Fleet
    channel: grpc.aio.Channel
    first: Slow
    second: Slow

    async def alone(self) -> None:
        """Only the first instance is left."""
        self.mesh.registry.becomes(self.mesh.registry.now.left("inventory-2"))

        async def gone() -> bool:
            heard = self.second.asked[:]
            await load(self.channel, 40, 8)
            return self.second.asked == heard

        await eventually(gone)

    async def count(self, what: str) -> int:
        """What the caller's proxy has counted of inventory."""
        said = await ask_admin(self.mesh, "orders-1", f"/stats?filter=^cluster.inventory.{what}$")
        return int(said.rpartition(":")[2])

    async def obey(self, policy: Policy) -> None:
        """Another policy, and orders has the cluster that it means; breakers tell clusters apart."""
        self.mesh.obeys(policy)
        limit = policy.traffic["inventory"].breaker.requests

        async def taken() -> bool:
            found = await ask_admin(self.mesh, "orders-1", "/clusters")
            return f"inventory::default_priority::max_requests::{limit}\n" in found

        await eventually(taken)


@pytest.fixture
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    policy = tried(PLAIN, 0, outliers=FIVE)
    async with fleet(tmp_path_factory.mktemp("m"), policy, timedelta(hours=1)) as mesh:
        mesh.every_number = True
        first, second = Slow("inventory-1"), Slow("inventory-2")
        for one in (first, second):
            await mesh.serve(one, one.name)
            await mesh.sidecar("inventory", one.name)
        await mesh.sidecar("orders", "orders-1")
        async with mesh.channel("orders-1", "inventory") as channel:
            found = Calls(mesh, channel, first, second)

            async def both() -> bool:
                heard = await load(channel, 20)
                return heard.codes == {OK: 20} and len(heard.names) == 2

            await eventually(both)
            yield found


async def test_one_of_two_that_fails_gets_no_calls_for_a_while_and_then_some_again(calls: Calls) -> None:
    calls.second.fails, before = 1_000_000, len(calls.second.asked)

    async def put_out() -> bool:
        await load(calls.channel, 10)
        return await calls.count(OUT) == 1

    await eventually(put_out)
    assert len(calls.second.asked) - before >= 5

    async def spared() -> bool:
        """Over many calls during all of which it was out; a slow machine may miss the while."""
        times, asked = await calls.count(TIMES_OUT), len(calls.second.asked)
        heard = await load(calls.channel, 100)
        if not await calls.count(OUT) or await calls.count(TIMES_OUT) != times:
            return False
        assert heard.codes == {OK: 100}
        return len(calls.second.asked) == asked

    await eventually(spared)
    calls.second.fails = 0

    async def back() -> bool:
        return len((await load(calls.channel, 20)).names) == 2

    await eventually(back)


async def test_the_only_one_gets_calls_however_often_it_fails(calls: Calls) -> None:
    await calls.alone()
    calls.first.fails, before = 100, len(calls.first.asked)
    heard = await load(calls.channel, 100)
    assert heard.codes == {UNAVAILABLE: 100}
    assert len(calls.first.asked) - before == 100
    assert (await load(calls.channel, 20)).codes == {OK: 20}


async def test_calls_beyond_the_breakers_limit_are_refused_at_once_and_were_not_sent(calls: Calls) -> None:
    await calls.alone()
    await calls.obey(tried(PLAIN, ATTEMPTS, breaker=Breaker(100, 100, 3)))
    calls.first.holds, before = True, len(calls.first.asked)

    async def called() -> bool:
        return (await answered(calls.channel, timeout=30)).code is OK

    under_way = [asyncio.create_task(called()) for _ in range(3)]

    async def all_are() -> bool:
        return await calls.count("upstream_rq_active") == 3

    await eventually(all_are)
    found = await asyncio.gather(*(answered(calls.channel, timeout=30) for _ in range(20)))
    assert {(one.code, one.unsent) for one in found} == {(UNAVAILABLE, True)}
    assert not any(task.done() for task in under_way)
    calls.first.go.set()
    assert all(await asyncio.gather(*under_way))
    assert len(calls.first.asked) - before == 3
    assert (await load(calls.channel, 20)).codes == {OK: 20}


@pytest.mark.parametrize(("callers", "always"), [(64, 1), (128, 8)])
async def test_a_dead_backend_gets_at_most_a_fifth_more_than_the_load(
    calls: Calls, callers: int, always: int
) -> None:
    """A second try is let go as long as there are less of them than a sixth of all that is under way, a fifth
    of the first tries; those that wait for their turn count too. And so many always: that is what the last
    callers get, once there are less than six times as many of them.
    """
    await calls.alone()
    budget, breaker = RetryBudget(percent=20, min_concurrency=always), Breaker(100, 1000, 999)
    await calls.obey(tried(PLAIN, ATTEMPTS, budget=budget, breaker=breaker, outliers=NEVER))

    async def again() -> bool:
        calls.first.fails, before = 1, len(calls.first.asked)
        return (await answered(calls.channel)).code is OK and len(calls.first.asked) - before == 2

    await eventually(again)
    calls.first.refuses, before = True, len(calls.first.asked)
    made = callers * 10
    heard = await load(calls.channel, made, callers)
    assert heard.codes == {UNAVAILABLE: made}
    arrived, last = len(calls.first.asked) - before, ATTEMPTS * (6 * (always - 1))
    assert made < arrived <= 1.2 * made + last
