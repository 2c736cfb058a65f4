"""What the proxy beside one workload is told: everything that there is about it, put together. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.message import Message

from mesh import clusters, listeners, tls, tracing
from mesh.entries import ENTRY, entry_routes, is_entry
from mesh.incoming import filters, inbound_routes
from mesh.listeners import Door
from mesh.methods import PAGES
from mesh.observing import Observing
from mesh.outgoing import egress_routes
from mesh.policy import Policy
from mesh.proxies import Node
from mesh.registry import Registered
from mesh.snapshot import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Snapshot, packed
from mesh.unsent import once_or_surely_unsent


@dataclass(frozen=True)
class Credentials:
    """A proxy's own certificate with its key, and the roots that are trusted now, all PEM."""

    chain: bytes
    key: bytes
    bundle: bytes


@dataclass(frozen=True)
class Mesh:
    """What is the same for every proxy."""

    policy: Policy
    registered: Registered
    trust_domain: str
    connection: timedelta  # how long a connection may live, below half of a certificate's life
    collector: str = ""  # where spans go, `host:port`; empty: none are made


def snapshot(node: Node, credentials: Credentials, mesh: Mesh) -> Snapshot:
    """All resources of one sidecar, or of an entry, which has its doors already."""
    callees = mesh.policy.callees(node.workload)
    found_clusters = _clusters(callees, mesh)
    if mesh.collector:
        found_clusters[tracing.COLLECTOR] = tracing.collector(mesh.collector)
    telemetry = mesh.policy.telemetry
    observing = Observing(node.workload, telemetry.access_logs, telemetry.traces, mesh.collector)
    found_listeners: dict[str, Message] = {}
    routes: dict[str, Message] = {}
    if is_entry(node.workload):
        routes[ENTRY] = entry_routes(node.workload, mesh.policy)
    else:
        outward = Door(observing, [listeners.counted()], once_or_surely_unsent(mesh.policy, callees))
        found_listeners[listeners.EGRESS] = listeners.egress(node.egress, outward)
        routes[listeners.EGRESS] = egress_routes(node.workload, mesh.policy)
    if node.application:
        found_clusters[clusters.APPLICATION] = clusters.application(
            node.application, http1=node.workload in PAGES
        )
        inward = Door(observing, filters(), once_or_surely_unsent(mesh.policy, [node.workload]))
        found_listeners[listeners.INBOUND] = listeners.inbound(
            node.host, node.port, mesh.trust_domain, mesh.connection, inward
        )
        routes[listeners.INBOUND] = inbound_routes(node.workload, mesh.policy, mesh.trust_domain)
    return Snapshot(
        {
            CLUSTER: packed(found_clusters),
            ENDPOINTS: packed(_endpoints(callees, mesh.registered)),
            LISTENER: packed(found_listeners),
            ROUTES: packed(routes),
            SECRET: packed(
                tls.secrets(mesh.trust_domain, credentials.chain, credentials.key, credentials.bundle)
            ),
        }
    )


def _clusters(callees: Iterable[str], mesh: Mesh) -> dict[str, Message]:
    """One for each callee, and one for the version of it that hears calls besides."""
    found: dict[str, Message] = {}
    for name in callees:
        expected, traffic = f"spiffe://{mesh.trust_domain}/{name}", mesh.policy.traffic[name]
        found[name] = clusters.workload(name, expected, traffic)
        if mirror := mesh.policy.mirror.get(name):
            heard = clusters.one_version(name, mirror.version, expected, traffic)
            found[heard.name] = heard
    return found


def _endpoints(callees: Iterable[str], registered: Registered) -> dict[str, Message]:
    """Of every callee, also one that nobody is registered for: a cluster without an answer waits in vain."""
    return {name: clusters.endpoints(name, registered.of(name)) for name in callees}
