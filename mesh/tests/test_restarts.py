"""The control plane comes and goes, a sidecar comes and goes, and calls go on."""

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from envoy.config.core.v3.base_pb2 import Node as EnvoyNode
from envoy.service.discovery.v3 import ads_pb2_grpc
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest

from mesh.ads import CREDENTIAL
from mesh.policy import Allow
from mesh.snapshot import CLUSTER
from mesh.tests.answers import SECONDS, eventually
from mesh.tests.calls import answers, code, endpoints, in_step, load
from mesh.tests.fleet import Fleet, Inventory, fleet
from mesh.tests.policies import RELEASE, policy, without_extras

pytestmark = pytest.mark.processes

RESTARTS = 20
PLAIN = without_extras(policy())
MORE = replace(PLAIN, allow=(*PLAIN.allow, Allow("orders", "inventory", frozenset({RELEASE}), 9)))


@pytest.fixture
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Inventory and orders with their sidecars, and a node cache."""
    async with fleet(tmp_path_factory.mktemp("m"), PLAIN, timedelta(hours=1)) as made:
        await made.start_cache()
        await made.serve(Inventory())
        await made.sidecar("inventory", "inventory-1", "v1")
        await made.sidecar("orders", "orders-1")
        await answers(made, grpc.StatusCode.OK)
        await in_step(made, 2)
        yield made


@pytest.fixture
async def alone(mesh: Fleet) -> Fleet:
    """The same with the control plane dead, and the cache in its place."""

    async def all_are_kept() -> bool:
        return len(list((mesh.folder / "mesh" / "nodes").glob("*.snapshot"))) == 2

    async def cache_stands_in() -> bool:
        return mesh.cache.stands_in

    await eventually(all_are_kept)
    await mesh.stop_control_plane()
    await eventually(cache_stands_in)
    return mesh


async def test_the_control_plane_is_restarted_under_load_and_no_call_fails(mesh: Fleet) -> None:
    async with load(mesh) as calls:
        for _ in range(RESTARTS):
            await mesh.stop_control_plane()
            await calls.some_more(2)
            await mesh.start_control_plane()
            await in_step(mesh, 2)
            assert await endpoints(mesh, "orders-1", "inventory") == 1


async def test_proxies_that_run_take_nothing_from_the_cache_and_return_to_the_control_plane(
    alone: Fleet,
) -> None:
    async def both_have_asked_the_cache() -> bool:
        return len(alone.cache.proxies.newest()) == 2

    async with load(alone):
        await eventually(both_have_asked_the_cache)
        assert all(not told.sent for one in alone.cache.proxies.all() for told in one.types.values())
        await alone.start_control_plane()
        await in_step(alone, 2)

    async def nobody_is_at_the_cache() -> bool:
        return not alone.cache.proxies.all()

    await eventually(nobody_is_at_the_cache)


async def test_sidecars_that_start_without_the_control_plane_serve_and_are_brought_up_to_date_later(
    alone: Fleet,
) -> None:
    await alone.restart_sidecar("inventory-1")
    await alone.restart_sidecar("orders-1")
    await answers(alone, grpc.StatusCode.OK)
    assert await code(alone, "ReleaseStock") is not grpc.StatusCode.OK
    alone.obeys(MORE)
    async with load(alone):
        await alone.start_control_plane()
        await answers(alone, grpc.StatusCode.OK, "ReleaseStock")
        await in_step(alone, 2)


async def test_a_start_does_not_wait_for_a_cache_that_is_not_there(mesh: Fleet) -> None:
    await mesh.stop_cache()
    await mesh.restart_sidecar("orders-1")
    await answers(mesh, grpc.StatusCode.OK)


async def test_a_start_asks_the_control_plane_and_not_the_cache_while_both_are_there(mesh: Fleet) -> None:
    await mesh.restart_sidecar("orders-1")
    await answers(mesh, grpc.StatusCode.OK)
    assert mesh.cache.asked == 0


async def refused_by_the_cache(mesh: Fleet, node_id: str, workload: str, credential: str) -> str | None:
    """Why the cache tells somebody nothing who asks for clusters, from no address; None if it does."""
    async with grpc.aio.insecure_channel(f"unix:{mesh.cache_socket}") as channel:
        stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel)
        stream = stub.StreamAggregatedResources(metadata=((CREDENTIAL, credential),))
        node = EnvoyNode(id=node_id, cluster=workload)
        await stream.write(DiscoveryRequest(node=node, type_url=CLUSTER))
        try:
            await asyncio.wait_for(stream.read(), SECONDS)
        except grpc.aio.AioRpcError as error:
            return error.details()
        return None


async def test_the_cache_gives_nothing_to_strangers(alone: Fleet) -> None:
    mine = (alone.folder / "orders-1.token").read_text()
    for node_id, workload, credential in (
        ("orders-1", "orders", ""),
        ("orders-1", "orders", "guess"),
        ("inventory-1", "inventory", mine),
        ("orders-1", "inventory", mine),
        ("nobody-1", "orders", mine),
    ):
        assert await refused_by_the_cache(alone, node_id, workload, credential) == "JOIN_REFUSED"
    assert await refused_by_the_cache(alone, "orders-1", "orders", mine) == "NODE_MOVED"
    alone.plane.join.revoke("orders-1")
    assert await refused_by_the_cache(alone, "orders-1", "orders", mine) == "JOIN_REFUSED"


async def test_while_the_control_plane_answers_the_cache_tells_nobody_anything(mesh: Fleet) -> None:
    mine = (mesh.folder / "orders-1.token").read_text()
    assert await refused_by_the_cache(mesh, "orders-1", "orders", mine) == "CONTROL_PLANE_ANSWERS"


async def test_every_file_and_folder_of_the_control_plane_is_its_owners_only(alone: Fleet) -> None:
    paths = [*(alone.folder / "mesh").rglob("*"), alone.folder / "run"]
    names = {path.name for path in paths}
    assert {"authority.json", "join.json", "registry.json", "orders-1.snapshot"} <= names
    open_to_others = [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == []
