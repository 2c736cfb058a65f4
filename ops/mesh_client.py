"""Asks the control plane of a suite, on the socket that only who runs the suite can open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from ops import client
from ops.errors import SuiteError
from ops.mesh_parts import CONTROL
from ops.suite import Suite
from ordermesh.mesh.v1 import mesh_pb2, mesh_service_pb2_grpc
from ordermesh.mesh.v1 import mesh_service_pb2 as pb

CALL_SECONDS = 15.0
PAGE = 100

T = TypeVar("T")


def require_mesh(suite: Suite) -> None:
    """SuiteError unless the suite runs, with the mesh."""
    suite.require_running()
    if not suite.site.mesh:
        raise SuiteError(
            "the suite runs without the mesh; `make down`, then `make up` starts it with the mesh"
        )


class ControlPlane:
    """The operator's API of the control plane. Every call raises SuiteError with what was answered."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = mesh_service_pb2_grpc.MeshServiceStub(channel)

    def proxies(self) -> list[mesh_pb2.Proxy]:
        """All proxies that are known, by node id."""
        return self._pages(self._stub.ListProxies, pb.ListProxiesRequest(page_size=PAGE), "proxies")

    def certificates(self) -> tuple[list[mesh_pb2.Certificate], pb.ListCertificatesResponse]:
        """All certificates by node id; and an answer with the roots and the state of their rotation."""
        request = pb.ListCertificatesRequest(page_size=PAGE)
        found = self._pages(self._stub.ListCertificates, request, "certificates")
        return found, self._call(self._stub.ListCertificates, pb.ListCertificatesRequest(page_size=1))

    def policy_state(self, wait: float = 0.0) -> pb.GetPolicyStateResponse:
        """Whether the policy's file is in force, and if not, why; waits so many seconds for the proxies."""
        request = pb.GetPolicyStateRequest(wait=Duration(seconds=int(wait)))
        return self._call(self._stub.GetPolicyState, request)

    def drain(self, node_id: str, allow_last: bool) -> None:
        """Send an instance no new calls; returns when all its callers know. SuiteError if one does not."""
        request = pb.DrainInstanceRequest(node_id=node_id, allow_last=allow_last)
        self._heard(self._call(self._stub.DrainInstance, request).behind_node_ids, f"{node_id} drains")

    def readmit(self, node_id: str) -> None:
        """Send an instance calls again; returns when all its callers know. SuiteError if one does not."""
        request = pb.ReadmitInstanceRequest(node_id=node_id)
        self._heard(self._call(self._stub.ReadmitInstance, request).behind_node_ids, f"{node_id} is back")

    def remove(self, node_id: str) -> None:
        """Take an instance out for good; returns when all its callers know. SuiteError if one does not."""
        request = pb.RemoveInstanceRequest(node_id=node_id)
        self._heard(self._call(self._stub.RemoveInstance, request).behind_node_ids, f"{node_id} is gone")

    def rotate_root(self) -> Iterator[pb.RotateRootResponse]:
        """Replace the root step by step; each state as it is entered, and as it is acknowledged."""
        try:
            yield from self._stub.RotateRoot(pb.RotateRootRequest())
        except grpc.RpcError as error:
            raise SuiteError(f"the rotation of the root stopped: {client.refusal(error)}") from error

    def _heard(self, behind: Any, what: str) -> None:
        if behind:
            raise SuiteError(f"these proxies do not know yet that {what}: {', '.join(behind)}; try again")

    def _pages(self, method: Callable[..., Any], request: Any, field: str) -> list[Any]:
        found: list[Any] = []
        while True:
            page = self._call(method, request)
            found += getattr(page, field)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def _call(self, method: Callable[..., T], request: Any) -> T:
        try:
            return method(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            raise SuiteError(_said(error)) from error


def _said(error: grpc.RpcError) -> str:
    told = client.refusal(error)
    if told.reason:
        return f"the control plane says {told}"
    where = f"`make status` shows it, `make logs S={CONTROL}` why"
    return f"the control plane does not answer ({told.code}); {where}"


@contextmanager
def control_plane(suite: Suite) -> Iterator[ControlPlane]:
    """The control plane of a suite that runs with the mesh."""
    require_mesh(suite)
    with grpc.insecure_channel(suite.address(CONTROL)) as channel:
        yield ControlPlane(channel)
