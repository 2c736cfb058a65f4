"""Serves the proxies: one aggregated stream each, in the order in which resources may be told.

A stream that ends takes nothing with it but itself: endpoints, routes and certificates stay as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any as Anything
from typing import Protocol

import grpc
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf.json_format import MessageToDict

from kit.errors import CODES, Problem
from kit.logs import log
from mesh.hosts import located
from mesh.proxies import Node, Proxies, Proxy, Told
from mesh.snapshot import CLUSTER, ENDPOINTS, TYPES, Snapshot, name_of
from mesh.subscription import Subscription, taken_in_full

CREDENTIAL = "ordermesh-join"
"""Metadata with which a proxy proves which node it is."""


class World(Protocol):
    """What there is to tell."""

    @property
    def changes(self) -> int:
        """How often it has changed."""

    def check(self, node: Node) -> None:
        """Raise a Problem if there is nothing to tell this node."""

    def snapshot(self, node: Node) -> Snapshot:
        """What this proxy is to know now."""

    def present(self, node: Node) -> AbstractContextManager[None]:
        """The node is connected for the length of a block."""

    def watching(self) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever any snapshot may have changed."""


class Doorkeeper(Protocol):
    """Knows which credential opens which node."""

    def admit(self, node_id: str, workload: str, credential: str) -> None:
        """Raise a Problem unless this credential was made for this node of this workload."""


class Keeper(Protocol):
    """Keeps what a proxy could be started with again."""

    def taken(self, node: Node, snapshot: Snapshot) -> None:
        """The node has taken this snapshot up in full."""


class AdsServicer:
    """Serves envoy.service.discovery.v3.AggregatedDiscoveryService, state of the world.

    Without a keeper it serves from a copy, and tells a proxy nothing that may be older than what it has.
    """

    def __init__(self, world: World, doorkeeper: Doorkeeper, proxies: Proxies, keeper: Keeper | None) -> None:
        self._world = world
        self._doorkeeper = doorkeeper
        self._proxies = proxies
        self._keeper = keeper

    async def StreamAggregatedResources(
        self, request_iterator: AsyncIterator[DiscoveryRequest], context: Anything
    ) -> AsyncIterator[DiscoveryResponse]:
        """Tell one proxy everything that it asks for, and every change of it."""
        first = await anext(request_iterator, None)
        if first is None:
            return
        node = await self._admitted(first, context)
        requests: asyncio.Queue[DiscoveryRequest] = asyncio.Queue()
        requests.put_nowait(first)
        with (
            self._world.watching() as news,
            self._proxies.connected(node, news) as proxy,
            self._world.present(node),
        ):
            reading = asyncio.create_task(_read(request_iterator, requests, news))
            try:
                async for answer in self._conversation(proxy, requests, news, reading):
                    yield answer
            finally:
                reading.cancel()

    async def DeltaAggregatedResources(self, request_iterator: Anything, context: Anything) -> None:
        """Not served: our snapshots are small, and told whole they cannot be half taken."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "state of the world only")

    async def _admitted(self, first: DiscoveryRequest, context: Anything) -> Node:
        metadata = dict(context.invocation_metadata() or ())
        node = _node(first)
        try:
            self._doorkeeper.admit(node.node_id, node.workload, str(metadata.get(CREDENTIAL, "")))
            node = await located(node)
            self._world.check(node)
        except Problem as problem:
            log().warning("proxy_refused", node=node.node_id, workload=node.workload, reason=problem.reason)
            await context.abort(CODES[problem.kind], problem.reason)
        return node

    async def _conversation(
        self,
        proxy: Proxy,
        requests: asyncio.Queue[DiscoveryRequest],
        news: asyncio.Event,
        reading: asyncio.Task[None],
    ) -> AsyncIterator[DiscoveryResponse]:
        """Requests first, then what has changed; the order of the types holds among the changes."""
        subscriptions: dict[str, Subscription] = {}
        while True:
            await news.wait()
            news.clear()
            if proxy.ended:
                return
            due = set()
            while not requests.empty():
                due |= self._heard(requests.get_nowait(), proxy, subscriptions)
            change, snapshot = self._world.changes, self._world.snapshot(proxy.node)
            for type_url in TYPES:
                wanted = subscriptions.get(type_url)
                if wanted is not None and (type_url in due or wanted.changed(snapshot)):
                    yield wanted.answer(snapshot)
                    # a changed cluster waits up to 15 s for its endpoints, which it has been told before
                    due |= {ENDPOINTS} if type_url == CLUSTER else set()
            proxy.told = change
            proxy.whole = taken_in_full(subscriptions, snapshot)
            if self._keeper is not None and proxy.whole:
                self._keeper.taken(proxy.node, snapshot)
            self._proxies.moved()
            if reading.done() and requests.empty():
                return

    def _heard(
        self, request: DiscoveryRequest, proxy: Proxy, subscriptions: dict[str, Subscription]
    ) -> set[str]:
        """The types that want an answer because of this request."""
        type_url = request.type_url
        if type_url not in TYPES:
            log().warning("proxy_asks_unknown", node=proxy.node.node_id, type=type_url)
            return set()
        if type_url not in subscriptions:
            told = proxy.types.setdefault(name_of(type_url), Told())
            subscriptions[type_url] = Subscription(type_url, told, in_full=self._keeper is not None)
        subscription = subscriptions[type_url]
        before = subscription.told.refusals
        wants = subscription.hear(request)
        if subscription.told.refusals > before:
            log().error(
                "proxy_refuses", node=proxy.node.node_id, type=type_url, detail=subscription.told.refused
            )
        return {type_url} if wants else set()


def _node(request: DiscoveryRequest) -> Node:
    """Who asks, as its bootstrap says: `envoy/sidecar.yaml`."""
    said = MessageToDict(request.node.metadata)
    text = {name: str(said.get(name, "")) for name in ("host", "egress", "application", "version")}
    return Node(request.node.id, request.node.cluster, port=int(said.get("port", 0)), **text)


async def _read(
    requests: AsyncIterator[DiscoveryRequest], queue: asyncio.Queue[DiscoveryRequest], news: asyncio.Event
) -> None:
    """Pass requests on until the proxy has no more, and wake the conversation."""
    news.set()
    async for request in requests:
        queue.put_nowait(request)
        news.set()
    news.set()
