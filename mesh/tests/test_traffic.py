"""Where calls go, and what befalls them on the way: real sidecars before three instances of two versions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
import pytest_asyncio

from mesh.methods import BY_WORKLOAD
from mesh.policy import Allow, Balancing, Fault, HeaderRoute, Mirror, Policy
from mesh.tests.answers import PLAIN, ask_admin, eventually, tried
from mesh.tests.bounds import bounds
from mesh.tests.fleet import Fleet, fleet
from mesh.tests.instances import Heard, Named, load
from mesh.tests.policies import RELEASE, RESERVE

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

GET = BY_WORKLOAD["inventory"]["GetStock"]
ALLOWED = Allow("orders", "inventory", frozenset({RESERVE, RELEASE, GET}), 9)
CALM = tried(replace(PLAIN, allow=(*PLAIN.allow, ALLOWED)), 0)
"""Orders may do more, and nothing is tried again: what arrives was asked for."""
OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
LATE = grpc.StatusCode.DEADLINE_EXCEEDED
VERSIONS = {"inventory-1": "v1", "inventory-2": "v1", "inventory-3": "v2"}
FIRST, SECOND = ("inventory-1", "inventory-2"), ("inventory-3",)
CANARY = (("x-canary", "yes"),)
UNDER_WAY = "^cluster.inventory-v2.upstream_rq_(pending_)?active$"
ACTIVE, ROUTES = "resource=dynamic_active_clusters", "resource=dynamic_route_configs"


@dataclass
class Three:
    """Three instances, and one connection of orders to its sidecar."""

    mesh: Fleet
    channel: grpc.aio.Channel
    instances: dict[str, Named]

    async def load(self, calls: int, at_once: int = 8, method: str = "ReserveStock", **more: Any) -> Heard:
        """Many calls of orders."""
        return await load(self.channel, calls, at_once, method, **more)

    async def goes(self, policy: Policy, names: tuple[str, ...], **more: Any) -> None:
        """With this policy all calls go to these instances, from some moment on."""
        self.mesh.obeys(policy)

        async def there() -> bool:
            heard = await self.load(20, **more)
            return heard.codes == {OK: 20} and set(heard.names) <= set(names)

        await eventually(there)

    def asked(self, method: str) -> dict[str, int]:
        """How often each instance was."""
        return {name: one.asked.count(method) for name, one in self.instances.items()}

    async def injected(self, kind: str) -> dict[str, int]:
        """How many faults the proxy of each instance has injected."""
        path = f"/stats?filter=^http.inbound.fault.{kind}_injected$"
        said = {name: await ask_admin(self.mesh, name, path) for name in self.instances}
        return {name: int(text.rpartition(":")[2]) for name, text in said.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Three]:
    async with fleet(tmp_path_factory.mktemp("m"), CALM, timedelta(hours=1)) as mesh:
        mesh.every_number = True
        instances = {name: Named(name) for name in VERSIONS}
        for name, version in VERSIONS.items():
            await mesh.serve(instances[name], name)
            await mesh.sidecar("inventory", name, version)
        await mesh.sidecar("orders", "orders-1")
        async with mesh.channel("orders-1", "inventory") as channel:
            yield Three(mesh, channel, instances)


@pytest_asyncio.fixture(loop_scope="module")
async def three(started: Three) -> Three:
    """All of them well, and called without any rule."""
    started.mesh.obeys(CALM)
    for one in started.instances.values():
        one.well()

    async def all_answer() -> bool:
        heard = await started.load(60)
        return heard.codes == {OK: 60} and set(heard.names) == set(VERSIONS)

    await eventually(all_answer)
    return started


@pytest.mark.parametrize("balancing", Balancing)
async def test_every_instance_gets_calls_however_they_are_balanced(
    three: Three, balancing: Balancing
) -> None:
    three.mesh.obeys(tried(CALM, 0, balancing=balancing))

    async def taken() -> bool:
        dump = json.loads(await ask_admin(three.mesh, "orders-1", f"/config_dump?{ACTIVE}"))
        found = {one["cluster"]["name"]: one["cluster"] for one in dump["configs"]}
        return str(found["inventory"].get("lb_policy", "ROUND_ROBIN")) == balancing.name

    await eventually(taken)
    heard = await three.load(300)
    assert heard.codes == {OK: 300}
    assert set(heard.names) == set(VERSIONS)


async def test_a_split_sends_each_version_its_weight(three: Three) -> None:
    await three.goes(replace(CALM, split={"inventory": {"v1": 0, "v2": 100}}), SECOND)
    three.mesh.obeys(replace(CALM, split={"inventory": {"v1": 90, "v2": 10}}))

    async def both() -> bool:
        return len((await three.load(60)).names) > 1

    await eventually(both)
    heard = await three.load(2500, 32)
    assert heard.codes == {OK: 2500}
    assert heard.names["inventory-3"] in bounds(2500, 0.1)


async def test_calls_for_a_version_that_is_not_there_are_answered_by_the_others(three: Three) -> None:
    lost = HeaderRoute("inventory", "orders", frozenset({RESERVE}), dict(CANARY), "v9", 3)
    three.mesh.obeys(replace(CALM, routes=(lost,)))

    async def taken() -> bool:
        return '"v9"' in await ask_admin(three.mesh, "orders-1", f"/config_dump?{ROUTES}")

    await eventually(taken)
    heard = await three.load(100, metadata=CANARY)
    assert heard.codes == {OK: 100}


async def test_calls_with_a_header_go_to_one_version_whatever_the_split_says(three: Three) -> None:
    canary = HeaderRoute("inventory", "orders", frozenset({RESERVE}), dict(CANARY), "v2", 3)
    policy = replace(CALM, split={"inventory": {"v1": 100, "v2": 0}}, routes=(canary,))
    await three.goes(policy, SECOND, metadata=CANARY)
    assert set((await three.load(100)).names) == set(FIRST)
    assert set((await three.load(100, metadata=(("x-canary", "no"),))).names) == set(FIRST)
    assert set((await three.load(100, method="GetStock", metadata=CANARY)).names) == set(FIRST)
    assert (await three.load(100, metadata=CANARY)).names == {"inventory-3": 100}


async def test_a_mirror_hears_the_calls_that_only_read_and_nobody_hears_it(three: Three) -> None:
    mirror = Mirror("inventory", "v2", 100.0, frozenset({GET}), 4)
    policy = replace(CALM, split={"inventory": {"v1": 100, "v2": 0}}, mirror={"inventory": mirror})
    await three.goes(policy, FIRST, method="GetStock")

    unheard = three.asked("GetStock")["inventory-3"]

    async def mirrored() -> bool:
        await three.load(1, method="GetStock")
        said = await ask_admin(three.mesh, "orders-1", f"/stats?filter={UNDER_WAY}")
        idle = [line.endswith(": 0") for line in said.splitlines()] == [True, True]
        return idle and three.asked("GetStock")["inventory-3"] > unheard

    await eventually(mirrored)
    before, mirror_asked = three.asked("GetStock"), three.asked("ReserveStock")["inventory-3"]
    three.instances["inventory-3"].fails = 3
    heard = await three.load(100, method="GetStock")
    assert heard.codes == {OK: 100}
    assert set(heard.names) == set(FIRST)

    async def all_heard() -> bool:
        now = three.asked("GetStock")
        assert sum(now[name] - before[name] for name in FIRST) == 100
        return now["inventory-3"] - before["inventory-3"] == 100

    await eventually(all_heard)
    assert set((await three.load(100)).names) == set(FIRST)
    assert three.asked("ReserveStock")["inventory-3"] == mirror_asked


async def test_faults_befall_the_share_that_the_policy_says(three: Three) -> None:
    refused = Fault("inventory", "orders", frozenset({RESERVE}), None, UNAVAILABLE.value[0], 20.0, 5)
    delayed = Fault("inventory", None, frozenset({RESERVE}), timedelta(milliseconds=1), None, 30.0, 6)
    first = await three.injected("aborts")
    three.mesh.obeys(replace(CALM, faults=(refused, delayed)))

    async def at_all() -> bool:
        await three.load(60)
        now = await three.injected("aborts")
        return all(now[name] > first[name] for name in VERSIONS)

    await eventually(at_all)
    delays, asked = await three.injected("delays"), three.asked("ReserveStock")
    heard = await three.load(1500, 32)
    assert set(heard.codes) == {OK, UNAVAILABLE}
    assert heard.codes[UNAVAILABLE] in bounds(1500, 0.2)
    assert sum((await three.injected("delays")).values()) - sum(delays.values()) in bounds(1500, 0.3)
    assert sum(three.asked("ReserveStock").values()) - sum(asked.values()) == heard.codes[OK]
    assert (await three.load(100, method="GetStock")).codes == {OK: 100}


async def test_a_delay_holds_a_call_before_the_application(three: Three) -> None:
    late = Fault("inventory", "orders", frozenset({RESERVE}), timedelta(seconds=30), None, 100.0, 5)
    three.mesh.obeys(replace(CALM, faults=(late,)))

    async def all_held() -> bool:
        delays, asked = await three.injected("delays"), three.asked("ReserveStock")
        heard = await three.load(6, 6, timeout=0.2)
        injected = sum((await three.injected("delays")).values()) - sum(delays.values())
        assert heard.codes[LATE] or not injected
        return heard.codes == {LATE: 6} and injected == 6 and three.asked("ReserveStock") == asked

    await eventually(all_held)


async def test_a_method_has_the_time_that_the_policy_gives_it_and_the_others_have_theirs(
    three: Three,
) -> None:
    traffic = CALM.traffic["inventory"]
    short = replace(traffic.methods["ReserveStock"], timeout=timedelta(milliseconds=111))
    long = replace(traffic.methods["GetStock"], timeout=timedelta(seconds=60))
    methods = {**traffic.methods, "ReserveStock": short, "GetStock": long}
    three.mesh.obeys(replace(CALM, traffic={**CALM.traffic, "inventory": replace(traffic, methods=methods)}))

    async def taken() -> bool:
        return '"0.111s"' in await ask_admin(three.mesh, "orders-1", f"/config_dump?{ROUTES}")

    await eventually(taken)
    for one in three.instances.values():
        one.holds = True
    patient = asyncio.create_task(three.load(1, method="GetStock"))
    await asyncio.wait(
        [asyncio.create_task(one.heard.wait()) for one in three.instances.values()],
        return_when=asyncio.FIRST_COMPLETED,
    )
    assert (await three.load(3, 3)).codes == {LATE: 3}
    assert not patient.done()
    for one in three.instances.values():
        one.go.set()
    assert (await patient).codes == {OK: 1}
