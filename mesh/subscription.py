"""One type of resource on one stream, by the rules of the xDS protocol (state of the world). Pure.

The first request of a type on a stream is answered in full, whatever version the proxy says it has: after a
reconnect it may have lost what it once took. After that an answer goes out when the content has changed, or
when the proxy asks for other names. A refusal is noted and not argued with.

Who serves from a copy (`in_full` is False) answers the first request only if the proxy has nothing yet: what
it was once told by the control plane itself is at least as new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf.any_pb2 import Any

from mesh.proxies import Told
from mesh.snapshot import ENDPOINTS, ROUTES, SECRET, TYPES, Snapshot, version_of


@dataclass
class Subscription:
    """What a proxy wants of one type, and what it was sent last."""

    type_url: str
    told: Told
    in_full: bool = True
    names: frozenset[str] = frozenset()
    nonce: int = 0
    asked: bool = field(default=False)

    def hear(self, request: DiscoveryRequest) -> bool:
        """Take a request in; True if it wants an answer now."""
        names = frozenset(request.resource_names)
        if self.asked and request.response_nonce != str(self.nonce):
            return False  # about an answer before the last one: its own answer is on the way
        wants = not self.asked or names != self.names
        self.names, first, self.asked = names, not self.asked, True
        if first:
            return self.in_full or not request.version_info
        if request.HasField("error_detail"):
            self.told.refused = request.error_detail.message
            self.told.refusals += 1
        else:
            self.told.taken, self.told.refused = request.version_info, ""
        return wants

    def changed(self, snapshot: Snapshot) -> bool:
        """Whether the proxy is to hear of this snapshot."""
        if not self.asked or not (self.in_full or self.nonce):
            return False
        return version_of(self._wanted(snapshot)) != self.told.sent

    def answer(self, snapshot: Snapshot) -> DiscoveryResponse:
        """What it is sent now."""
        wanted = self._wanted(snapshot)
        self.nonce += 1
        self.told.sent = version_of(wanted)
        return DiscoveryResponse(
            version_info=self.told.sent,
            resources=wanted.values(),
            type_url=self.type_url,
            nonce=str(self.nonce),
        )

    def _wanted(self, snapshot: Snapshot) -> Mapping[str, Any]:
        return snapshot.of(self.type_url, self.names)


def taken_in_full(subscriptions: Mapping[str, Subscription], snapshot: Snapshot) -> bool:
    """Whether the proxy has asked for all of this snapshot, and has taken it up.

    A proxy that neither calls nor is called over TLS never asks for its secrets.
    """
    for type_url in TYPES:
        resources = snapshot.resources.get(type_url, {})
        wanted = subscriptions.get(type_url)
        if wanted is None:
            if resources and type_url != SECRET:
                return False
            continue
        if not wanted.told.in_step or wanted.changed(snapshot):
            return False
        if type_url in (ENDPOINTS, ROUTES) and not wanted.names.issuperset(resources):
            return False
    return True
