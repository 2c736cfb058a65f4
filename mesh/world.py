"""What there is in the mesh now: policy, instances, certificates; and who is to hear of a change."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from mesh.authority import Authority, Leaf, is_due
from mesh.identity import TRUST_DOMAIN
from mesh.policy import Policy
from mesh.proxies import Node
from mesh.registry import Instance, Registry
from mesh.sidecar import Credentials, Mesh, snapshot
from mesh.snapshot import Snapshot


class World:
    """Everything that proxies are told about; one a control plane."""

    def __init__(
        self,
        policy: Policy,
        registry: Registry,
        authority: Authority,
        lifetime: timedelta,
        now: Callable[[], datetime],
        collector: str = "",
    ) -> None:
        self._policy = policy
        self._registry = registry
        self._authority = authority
        self._lifetime = lifetime
        self._now = now
        self._collector = collector
        self._leaves: dict[str, Leaf] = {}
        self._snapshots: dict[Node, Snapshot] = {}  # since the last change
        self._watches: set[asyncio.Event] = set()
        self._streams: Counter[str] = Counter()  # by node id
        self._changes = 0
        registry.returns(now())

    @property
    def changes(self) -> int:
        """How often anything has changed that a proxy may have to hear of."""
        return self._changes

    @property
    def leaves(self) -> Mapping[str, Leaf]:
        """The certificate that each node was given last."""
        return self._leaves

    @property
    def policy(self) -> Policy:
        """Who may call what, and how."""
        return self._policy

    def obeys(self, policy: Policy) -> None:
        """From now on this policy holds; it was validated before."""
        self._policy = policy
        self.changed()

    def changed(self) -> None:
        """Tell every proxy what is new for it."""
        self._snapshots.clear()
        self._changes += 1
        for event in self._watches:
            event.set()

    def check(self, node: Node) -> None:
        """There is something to tell every node."""

    def snapshot(self, node: Node) -> Snapshot:
        """What this proxy is to know now; a proxy asks after everything that it has taken, mostly in vain."""
        if node not in self._snapshots:
            self._snapshots[node] = self.preview(node, self._policy)
        return self._snapshots[node]

    def preview(self, node: Node, policy: Policy) -> Snapshot:
        """What it would be to know if this policy held."""
        leaf = self._leaf(node)
        credentials = Credentials(leaf.certificate_chain, leaf.private_key, self._authority.bundle())
        # a new certificate is used by new connections only: none outlives the old one
        mesh = Mesh(policy, self._registry.now, TRUST_DOMAIN, self._lifetime / 4, self._collector)
        return snapshot(node, credentials, mesh)

    @contextmanager
    def present(self, node: Node) -> Iterator[None]:
        """A proxy is connected: its instance can be called from now on, and stays known when it is gone."""
        instance = Instance(node.node_id, node.workload, node.address, node.version)
        self._streams[node.node_id] += 1
        self._registry.becomes(self._registry.now.arrived(instance))
        try:
            yield
        finally:
            self._streams[node.node_id] -= 1
            # one that came back before its old stream had ended is still there
            if not self._streams[node.node_id]:
                del self._streams[node.node_id]
                self._registry.becomes(self._registry.now.lost(node.node_id, self._now()))

    @contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever any snapshot may have changed."""
        event = asyncio.Event()
        self._watches.add(event)
        try:
            yield event
        finally:
            self._watches.discard(event)

    def renew(self) -> None:
        """A round: certificates at half of their life are made anew, who is gone for long is left out."""
        now = self._now()
        self._registry.becomes(self._registry.now.swept(now))
        due = [node_id for node_id, leaf in self._leaves.items() if is_due(leaf, now)]
        for node_id in due:
            del self._leaves[node_id]
        if due:
            self.changed()

    def forget(self, node_id: str) -> None:
        """A node is gone for good."""
        self._leaves.pop(node_id, None)
        self._registry.becomes(self._registry.now.left(node_id))

    def reissue(self) -> None:
        """Every proxy gets a new certificate, from the root that issues now."""
        self._leaves.clear()
        self.changed()

    def _leaf(self, node: Node) -> Leaf:
        known = self._leaves.get(node.node_id)
        if known is None or is_due(known, self._now()):
            known = self._authority.issue(node.workload, self._lifetime)
            self._leaves[node.node_id] = known
        return known
