"""The control plane's state as the messages of its API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from cryptography import x509
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.authority import Leaf, RootStatus, Rotation, due_at
from mesh.proxies import Proxy
from mesh.registry import Instance
from mesh.root_rotation import Progress
from ordermesh.mesh.v1 import mesh_pb2
from ordermesh.mesh.v1 import mesh_service_pb2 as pb

ROTATION: Mapping[Rotation, mesh_pb2.RotationState.ValueType] = {
    Rotation.STEADY: mesh_pb2.ROTATION_STATE_STEADY,
    Rotation.TRUSTED: mesh_pb2.ROTATION_STATE_TRUSTED,
    Rotation.ISSUING: mesh_pb2.ROTATION_STATE_ISSUING,
}
_LINE = re.compile(r"line (\d+): (.*)")


def proxy(instance: Instance, connected: Proxy | None) -> mesh_pb2.Proxy:
    """What is known of a node, and of its proxy if that is connected."""
    return mesh_pb2.Proxy(
        node_id=instance.node_id,
        workload=instance.workload,
        version=instance.version,
        address=instance.address,
        connected=connected is not None,
        away_time=_time(instance.away_since),
        draining=instance.draining,
        readmit_time=_time(instance.drained_until),
        in_step=connected is not None and connected.in_step,
        resources=_resources(connected) if connected else [],
    )


def certificate(node_id: str, leaf: Leaf) -> mesh_pb2.Certificate:
    """A certificate, without its key."""
    parsed = x509.load_pem_x509_certificate(leaf.certificate_chain)
    return mesh_pb2.Certificate(
        node_id=node_id,
        spiffe_id=leaf.spiffe_id,
        serial_number=f"{parsed.serial_number:x}",
        start_time=_time(leaf.not_before),
        expire_time=_time(leaf.not_after),
        renew_time=_time(due_at(leaf)),
        root_id=leaf.root_id,
    )


def root(status: RootStatus) -> mesh_pb2.Root:
    """A trusted root."""
    return mesh_pb2.Root(root_id=status.key_id, expire_time=_time(status.not_after), issuing=status.issuing)


def progress(found: Progress) -> pb.RotateRootResponse:
    """One state of a rotation."""
    return pb.RotateRootResponse(
        state=ROTATION[found.state], acknowledged=found.acknowledged, behind_node_ids=found.behind
    )


def mistakes(text: str) -> Iterable[mesh_pb2.PolicyMistake]:
    """What is wrong with the policy, one a line of the text; Envoy's own words name no line of the file."""
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        number, description = (int(found[1]), found[2]) if found else (0, line)
        yield mesh_pb2.PolicyMistake(line=number, description=description)


def _resources(connected: Proxy) -> list[mesh_pb2.ResourceState]:
    return [
        mesh_pb2.ResourceState(
            type=name,
            sent_version=told.sent,
            taken_version=told.taken,
            refusal=told.refused,
            refusals=told.refusals,
            in_step=told.in_step,
        )
        for name, told in sorted(connected.types.items())
    ]


def _time(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    found = Timestamp()
    found.FromDatetime(moment)
    return found
