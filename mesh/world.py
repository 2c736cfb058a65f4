"""What there is in the mesh now: policy, instances, certificates; and who is to hear of a change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
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
    ) -> None:
        self._policy = policy
        self._registry = registry
        self._authority = authority
        self._lifetime = lifetime
        self._now = now
        self._leaves: dict[str, Leaf] = {}
        self._snapshots: dict[Node, Snapshot] = {}  # since the last change
        self._watches: set[asyncio.Event] = set()

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
        for event in self._watches:
            event.set()

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
        mesh = Mesh(policy, self._registry.now, TRUST_DOMAIN, self._lifetime / 4)
        return snapshot(node, credentials, mesh)

    @contextmanager
    def present(self, node: Node) -> Iterator[None]:
        """A proxy is connected: its instance can be called from now on, and stays known when it is gone."""
        if node.address:
            instance = Instance(node.node_id, node.workload, node.address, node.version)
            self._registry.becomes(self._registry.now.arrived(instance))
        try:
            yield
        finally:
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
        if any(is_due(leaf, now) for leaf in self._leaves.values()):
            self.changed()

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
