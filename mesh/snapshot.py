"""What one proxy is to know, by type and name, each type with a version that is a hash of its content.

The same content has the same version, also after a restart of the control plane: a proxy that reconnects and
has it all is told nothing new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

PREFIX = "type.googleapis.com/"
CLUSTER = f"{PREFIX}envoy.config.cluster.v3.Cluster"
ENDPOINTS = f"{PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER = f"{PREFIX}envoy.config.listener.v3.Listener"
ROUTES = f"{PREFIX}envoy.config.route.v3.RouteConfiguration"
SECRET = f"{PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret"
TYPES = (CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET)
"""In the order in which they may be pushed: a listener never names a cluster that is not known yet."""
WHOLE = frozenset({CLUSTER, LISTENER})
"""Types of which a proxy always gets all; of the others it gets those that it names."""


def name_of(type_url: str) -> str:
    """A type's short name: `Cluster`, `ClusterLoadAssignment`, `Secret`."""
    return type_url.rpartition(".")[2]


@dataclass(frozen=True)
class Snapshot:
    """Resources by type and name."""

    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, type_url: str, names: Iterable[str] = ()) -> dict[str, Any]:
        """All resources of a type that is told whole, or those of these names."""
        known = self.resources.get(type_url, {})
        if type_url in WHOLE:
            return dict(known)
        return {name: known[name] for name in sorted(set(names)) if name in known}


def packed(named: Mapping[str, Message]) -> dict[str, Any]:
    """Resources as they go on the wire: serialised the same way every time."""
    found = {}
    for name, message in named.items():
        found[name] = Any(
            type_url=f"{PREFIX}{message.DESCRIPTOR.full_name}",
            value=message.SerializeToString(deterministic=True),
        )
    return found


def version_of(resources: Mapping[str, Any]) -> str:
    """The version of some resources of one type: 16 hex digits."""
    digest = hashlib.sha256()
    for name in sorted(resources):
        digest.update(name.encode() + b"\0" + resources[name].value)
    return digest.hexdigest()[:16]
