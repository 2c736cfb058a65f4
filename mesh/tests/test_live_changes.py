"""A change of the policy holds for connections that are open, and closes none of them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from mesh.policy import AccessLogs, Allow, Breaker, Fault, Policy, Telemetry
from mesh.tests.answers import PLAIN, Held, answered, application, ask_admin, eventually, tried
from mesh.tests.calls import Watched
from mesh.tests.fleet import Fleet, fleet
from mesh.tests.forging import ORDERS
from mesh.tests.impostors import caller, root_of, shows
from mesh.tests.policies import RELEASE, RESERVE

pytestmark = pytest.mark.processes

CALM = tried(PLAIN, 0)
OK, UNAVAILABLE, DENIED = (
    grpc.StatusCode.OK,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.PERMISSION_DENIED,
)
REFUSED = replace(
    CALM, faults=(Fault("inventory", "orders", frozenset({RESERVE}), None, UNAVAILABLE.value[0], 100.0, 1),)
)
TAKEN_BACK = replace(CALM, allow=(Allow("orders", "inventory", frozenset({RELEASE}), 9),))
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
WATCHED = "watched"
OPENED = "upstream_cx_(total|destroy)"
ACCEPTED = "downstream_cx_(total|drain_close|destroy)"


@dataclass
class Pair:
    """Orders and inventory with their sidecars, and a connection of orders to its own."""

    mesh: Fleet
    channel: grpc.aio.Channel
    inventory: Held

    async def until(self, code: grpc.StatusCode, channel: grpc.aio.Channel | None = None) -> None:
        """Ask until this is the answer."""

        async def now() -> bool:
            return (await answered(channel or self.channel)).code is code

        await eventually(now)

    async def obey(self, policy: Policy, code: grpc.StatusCode) -> None:
        """Another policy, which shows by another answer."""
        self.mesh.obeys(policy)
        await self.until(code)

    async def checked(self) -> bool:
        """The health check has its connection too."""
        said = await ask_admin(
            self.mesh, "orders-1", "/stats?filter=^cluster.inventory.health_check.success$"
        )
        return int(said.rpartition(":")[2]) > 0

    async def connections(self) -> list[str]:
        """How many each proxy has opened, accepted and ended, of those that are between the two."""
        egress = await ask_admin(
            self.mesh, "orders-1", "/stats?filter=^cluster.inventory.upstream_cx_(total|des)"
        )
        inbound = await ask_admin(
            self.mesh, "inventory-1", "/stats?filter=^http.inbound.downstream_cx_(total|dr|des)"
        )
        return [*egress.splitlines(), *inbound.splitlines()]


@pytest.fixture
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    async with fleet(tmp_path_factory.mktemp("m"), CALM, timedelta(hours=1)) as mesh:
        mesh.every_number = True
        inventory = Held()
        await inventory.health.set(WATCHED, SERVING)
        server = await application(mesh, inventory)
        await mesh.sidecar("inventory", "inventory-1", "v1")
        await mesh.sidecar("orders", "orders-1")
        async with mesh.channel("orders-1", "inventory") as channel:
            found = Pair(mesh, channel, inventory)
            await found.until(OK)
            await eventually(found.checked)
            yield found
        await server.stop(0)


async def test_a_fault_that_is_taken_back_is_gone_from_open_connections(pair: Pair) -> None:
    before = await pair.connections()
    for _ in range(3):
        await pair.obey(REFUSED, UNAVAILABLE)
        await pair.obey(CALM, OK)
    assert await pair.connections() == before


async def test_an_open_stream_outlives_every_kind_of_change(pair: Pair) -> None:
    """Of routes and rules, and of limits, for which Envoy makes the whole cluster anew."""
    before = await pair.connections()
    watch = Watched(pair.channel, WATCHED)
    assert await watch.hear() == SERVING
    await pair.obey(REFUSED, UNAVAILABLE)
    await pair.obey(TAKEN_BACK, DENIED)
    await pair.obey(CALM, OK)
    assert await pair.connections() == before
    tight = tried(CALM, 0, breaker=Breaker(77, 77, 77))
    await pair.obey(replace(tight, faults=REFUSED.faults), UNAVAILABLE)
    await pair.obey(tight, OK)
    await pair.inventory.health.set(WATCHED, NOT_SERVING)
    assert await watch.hear() == NOT_SERVING


async def test_other_logs_make_the_listeners_anew_and_an_open_stream_goes_on(pair: Pair) -> None:
    """On the old listener, which Envoy lets drain; only what stands on routes and clusters closes nothing."""
    watch = Watched(pair.channel, WATCHED)
    assert await watch.hear() == SERVING
    telling = replace(CALM, telemetry=Telemetry(access_logs=AccessLogs.ALL))
    await pair.obey(replace(telling, faults=REFUSED.faults), UNAVAILABLE)
    await pair.obey(telling, OK)
    await pair.inventory.health.set(WATCHED, NOT_SERVING)
    assert await watch.hear() == NOT_SERVING


async def test_what_is_no_longer_allowed_is_refused_at_the_next_call_by_the_callers_sidecar(
    pair: Pair,
) -> None:
    await pair.obey(TAKEN_BACK, DENIED)
    asked = len(pair.inventory.asked)
    assert (await answered(pair.channel)).code is DENIED
    assert len(pair.inventory.asked) == asked


async def test_what_is_no_longer_allowed_is_refused_at_the_next_call_by_the_callees_sidecar(
    pair: Pair, tmp_path: Path
) -> None:
    """The caller's own sidecar is left out: this one would go on calling."""
    shown = shows(ssl.PROTOCOL_TLS_CLIENT, tmp_path, root_of(pair.mesh), [ORDERS])
    address = pair.mesh.registry.now.of("inventory")[0].address
    async with caller(tmp_path, address, shown) as door, grpc.aio.insecure_channel(door) as channel:
        assert (await answered(channel)).code is OK
        before = await pair.connections()
        pair.mesh.obeys(TAKEN_BACK)
        await pair.until(DENIED, channel)
        asked = len(pair.inventory.asked)
        assert (await answered(channel)).code is DENIED
        assert len(pair.inventory.asked) == asked
        assert await pair.connections() == before
