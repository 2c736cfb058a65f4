"""Proxies are told what they ask for, in order, again after a reconnect, and only when something changed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import grpc
import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import Node as EnvoyNode
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.service.discovery.v3 import ads_pb2_grpc
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.rpc.status_pb2 import Status

from kit.errors import Problem
from mesh.ads import CREDENTIAL, AdsServicer
from mesh.proxies import Node, Proxies
from mesh.snapshot import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Snapshot, packed

SECONDS = 5.0


class World:
    """What there is to tell, as a test sets it."""

    def __init__(self) -> None:
        self._watches: set[asyncio.Event] = set()
        self.now = snapshot("one")
        self.changes = 0

    def check(self, node: Node) -> None:
        pass

    def snapshot(self, node: Node) -> Snapshot:
        return self.now

    @contextmanager
    def present(self, node: Node) -> Iterator[None]:
        yield

    @contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._watches.add(event)
        try:
            yield event
        finally:
            self._watches.discard(event)

    def becomes(self, now: Snapshot) -> None:
        self.now = now
        self.changes += 1
        for event in self._watches:
            event.set()


def snapshot(*clusters: str) -> Snapshot:
    return Snapshot(
        {
            CLUSTER: packed({name: Cluster(name=name) for name in clusters}),
            ENDPOINTS: packed({name: ClusterLoadAssignment(cluster_name=name) for name in clusters}),
            LISTENER: packed({"inbound": Listener(name="inbound", stat_prefix="-".join(clusters))}),
        }
    )


class Doorkeeper:
    def admit(self, node_id: str, workload: str, credential: str) -> None:
        if credential != f"secret of {node_id}":
            raise Problem("denied", "NODE_UNKNOWN", "no such node")


class Keeper:
    """What nodes have taken in full, for a test."""

    def __init__(self) -> None:
        self.kept: list[Snapshot] = []

    def taken(self, node: Node, snapshot: Snapshot) -> None:
        self.kept.append(snapshot)


class ControlPlane:
    """A served control plane, and what is known of its proxies."""

    def __init__(self, serves_copies: bool = False) -> None:
        self.world = World()
        self.proxies = Proxies()
        self.keeper = Keeper()
        self.server = grpc.aio.server()
        keeper = None if serves_copies else self.keeper
        servicer = AdsServicer(self.world, Doorkeeper(), self.proxies, keeper)
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(servicer, self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")


class Proxy:
    """One stream of a proxy."""

    def __init__(self, port: int, credential: str = "secret of orders-1") -> None:
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(self._channel)
        self._stream = stub.StreamAggregatedResources(metadata=((CREDENTIAL, credential),))

    async def ask(self, type_url: str, *names: str, version: str = "", nonce: str = "") -> None:
        node = EnvoyNode(id="orders-1", cluster="orders")
        await self._stream.write(
            DiscoveryRequest(
                node=node, type_url=type_url, resource_names=names, version_info=version, response_nonce=nonce
            )
        )

    async def take(self, answer: DiscoveryResponse, *names: str) -> None:
        await self.ask(answer.type_url, *names, version=answer.version_info, nonce=answer.nonce)

    async def refuse(self, answer: DiscoveryResponse, why: str) -> None:
        node = EnvoyNode(id="orders-1", cluster="orders")
        await self._stream.write(
            DiscoveryRequest(
                node=node,
                type_url=answer.type_url,
                response_nonce=answer.nonce,
                error_detail=Status(code=3, message=why),
            )
        )

    async def hear(self) -> DiscoveryResponse:
        answer = await asyncio.wait_for(self._stream.read(), SECONDS)
        assert isinstance(answer, DiscoveryResponse), answer
        return answer

    async def code(self) -> grpc.StatusCode:
        return await asyncio.wait_for(self._stream.code(), SECONDS)

    async def leave(self) -> None:
        self._stream.cancel()
        await self._channel.close()


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    plane = ControlPlane()
    await plane.server.start()
    yield plane
    await plane.server.stop(0)


@pytest.fixture
async def proxy(plane: ControlPlane) -> AsyncIterator[Proxy]:
    proxy = Proxy(plane.port)
    yield proxy
    await proxy.leave()


def names(answer: DiscoveryResponse) -> list[str]:
    message = {CLUSTER: Cluster, ENDPOINTS: ClusterLoadAssignment, LISTENER: Listener}[answer.type_url]
    found = [message.FromString(resource.value) for resource in answer.resources]
    return [getattr(one, "name", "") or getattr(one, "cluster_name", "") for one in found]


async def settled(plane: ControlPlane) -> None:
    """Wait until the control plane has heard everything that was taken."""
    await until(lambda: all(proxy.in_step for proxy in plane.proxies.all()))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_proxy_gets_all_clusters_and_the_endpoints_that_it_names(proxy: Proxy) -> None:
    await proxy.ask(CLUSTER)
    clusters = await proxy.hear()
    await proxy.ask(ENDPOINTS, "one", "unknown")
    endpoints = await proxy.hear()
    assert (names(clusters), names(endpoints)) == (["one"], ["one"])


async def test_a_change_is_told_clusters_first_listeners_last(plane: ControlPlane, proxy: Proxy) -> None:
    for type_url in (LISTENER, CLUSTER):
        await proxy.ask(type_url)
        await proxy.take(await proxy.hear())
    await proxy.ask(ENDPOINTS, "one", "two")
    await proxy.take(await proxy.hear(), "one", "two")
    await settled(plane)
    plane.world.becomes(snapshot("one", "two"))
    told = [await proxy.hear() for _ in range(3)]
    assert [answer.type_url for answer in told] == [CLUSTER, ENDPOINTS, LISTENER]
    assert names(told[1]) == ["one", "two"]


async def test_what_has_not_changed_is_not_told_again(plane: ControlPlane, proxy: Proxy) -> None:
    await proxy.ask(CLUSTER)
    await proxy.take(await proxy.hear())
    await settled(plane)
    plane.world.becomes(snapshot("one"))
    plane.world.becomes(snapshot("two"))
    assert names(await proxy.hear()) == ["two"]


async def test_a_new_stream_is_answered_in_full_whatever_the_proxy_has(
    plane: ControlPlane, proxy: Proxy
) -> None:
    await proxy.ask(CLUSTER)
    version = (await proxy.hear()).version_info
    await proxy.leave()
    again = Proxy(plane.port)
    await again.ask(CLUSTER, version=version)
    assert (await again.hear()).version_info == version
    await again.leave()


async def test_other_names_are_answered_and_the_same_names_are_not(plane: ControlPlane, proxy: Proxy) -> None:
    plane.world.becomes(snapshot("one", "two"))
    await proxy.ask(ENDPOINTS, "one")
    first = await proxy.hear()
    await proxy.take(first, "one")
    await proxy.take(first, "one", "two")
    assert names(await proxy.hear()) == ["one", "two"]


async def test_a_refusal_is_noted_until_a_later_version_is_taken(plane: ControlPlane, proxy: Proxy) -> None:
    await proxy.ask(CLUSTER)
    await proxy.refuse(await proxy.hear(), "a cluster has no type")
    (seen,) = plane.proxies.all()
    await until(lambda: bool(seen.types["Cluster"].refusals))
    plane.world.becomes(snapshot("two"))
    mended = await proxy.hear()
    assert (seen.types["Cluster"].refused, seen.types["Cluster"].refusals) == ("a cluster has no type", 1)
    assert not seen.in_step
    await proxy.take(mended)
    await settled(plane)
    assert seen.types["Cluster"].refused == ""


async def test_a_proxy_with_the_credential_of_another_is_told_nothing(plane: ControlPlane) -> None:
    for credential in ("", "secret of payments-1"):
        stranger = Proxy(plane.port, credential)
        await stranger.ask(CLUSTER)
        assert await stranger.code() is grpc.StatusCode.PERMISSION_DENIED
        await stranger.leave()
    assert plane.proxies.all() == []


async def test_a_type_that_nobody_serves_is_left_unanswered(plane: ControlPlane, proxy: Proxy) -> None:
    await proxy.ask("type.googleapis.com/envoy.service.runtime.v3.Runtime")
    await proxy.ask(ROUTES, "none")
    answer = await proxy.hear()
    assert (answer.type_url, len(answer.resources)) == (ROUTES, 0)


async def test_a_proxy_that_leaves_is_forgotten_and_nothing_else(plane: ControlPlane, proxy: Proxy) -> None:
    await proxy.ask(CLUSTER)
    await proxy.hear()
    assert [seen.node for seen in plane.proxies.all()] == [Node("orders-1", "orders")]
    await proxy.leave()
    await until(lambda: not plane.proxies.all())


async def test_a_snapshot_is_kept_once_every_type_of_it_is_taken(plane: ControlPlane, proxy: Proxy) -> None:
    for type_url, *asked in ((CLUSTER,), (ENDPOINTS, "one"), (LISTENER,)):
        assert plane.keeper.kept == []
        await proxy.ask(type_url, *asked)
        await proxy.take(await proxy.hear(), *asked)
    await until(lambda: bool(plane.keeper.kept))
    assert plane.keeper.kept[0] is plane.world.now
    plane.world.becomes(snapshot("two"))
    await proxy.refuse(await proxy.hear(), "not this one")
    await until(lambda: not plane.proxies.all()[0].in_step)
    assert snapshot("two") not in plane.keeper.kept


async def test_a_copy_is_told_to_a_proxy_that_has_nothing_and_to_no_other() -> None:
    cache = ControlPlane(serves_copies=True)
    await cache.server.start()
    proxy = Proxy(cache.port)
    await proxy.ask(CLUSTER, version="of the control plane")
    await proxy.ask(LISTENER)
    listeners = await proxy.hear()
    assert listeners.type_url == LISTENER
    await proxy.take(listeners)
    await proxy.ask(ENDPOINTS, "one", version="of the control plane")
    await proxy.ask(ENDPOINTS, "one", "two", version="of the control plane", nonce="0")
    assert (await proxy.hear()).type_url == ENDPOINTS
    await proxy.leave()
    await cache.server.stop(0)


async def test_a_stream_that_is_ended_ends_and_the_proxy_may_come_again(
    plane: ControlPlane, proxy: Proxy
) -> None:
    await proxy.ask(CLUSTER)
    await proxy.hear()
    plane.proxies.end("payments-1")
    plane.proxies.end("orders-1")
    assert await proxy.code() is grpc.StatusCode.OK
    again = Proxy(plane.port)
    await again.ask(CLUSTER)
    assert names(await again.hear()) == ["one"]
    await again.leave()


async def test_who_waits_for_a_change_hears_who_has_not_taken_it(plane: ControlPlane, proxy: Proxy) -> None:
    await proxy.ask(CLUSTER)
    await proxy.take(await proxy.hear())
    await settled(plane)
    plane.world.becomes(snapshot("two"))

    def behind() -> list[str]:
        return [one.node.node_id for one in plane.proxies.all() if not one.has_taken(1, "Cluster")]

    assert await plane.proxies.wait(behind, 0) == ["orders-1"]
    waiting = asyncio.create_task(plane.proxies.wait(behind, SECONDS))
    await proxy.take(await proxy.hear())
    assert await waiting == []


async def test_a_changed_cluster_is_followed_by_its_endpoints_though_they_have_not_changed(
    plane: ControlPlane, proxy: Proxy
) -> None:
    await proxy.ask(CLUSTER)
    await proxy.take(await proxy.hear())
    await proxy.ask(ENDPOINTS, "one")
    before = await proxy.hear()
    await proxy.take(before, "one")
    await settled(plane)
    changed = Cluster(name="one", alt_stat_name="other")
    plane.world.becomes(Snapshot({**plane.world.now.resources, CLUSTER: packed({"one": changed})}))
    assert (await proxy.hear()).type_url == CLUSTER
    again = await proxy.hear()
    assert (again.type_url, again.version_info) == (ENDPOINTS, before.version_info)
