"""Serves ordermesh.mesh.v1.MeshService: what an operator sees and does, on a socket that only he can open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any, TypeVar

from kit import call, pages
from kit.errors import Problem
from mesh import messages
from mesh.control_plane import ControlPlane
from mesh.root_rotation import Progress
from ordermesh.mesh.v1 import mesh_service_pb2 as pb

SERVICE = "ordermesh.mesh.v1.MeshService"
HOLD = timedelta(minutes=10)
STEP = timedelta(seconds=30)
LONGEST_SECONDS = 60.0
MARGIN_SECONDS = 0.25
"""What an answer needs to be there before the deadline."""

V = TypeVar("V")


class MeshServicer:
    """What the control plane knows, as answers."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def ListProxies(self, request: pb.ListProxiesRequest, context: Any) -> pb.ListProxiesResponse:
        """All that are known, connected or not."""
        found, token = _page(self._plane.registry.now.instances, request, "ListProxies")
        connected = self._plane.proxies.newest()
        proxies = [messages.proxy(instance, connected.get(name)) for name, instance in found.items()]
        return pb.ListProxiesResponse(proxies=proxies, next_page_token=token)

    async def ListCertificates(
        self, request: pb.ListCertificatesRequest, context: Any
    ) -> pb.ListCertificatesResponse:
        """Those that nodes hold, and the roots behind them."""
        found, token = _page(self._plane.world.leaves, request, "ListCertificates")
        authority = self._plane.authority
        return pb.ListCertificatesResponse(
            certificates=[messages.certificate(name, leaf) for name, leaf in found.items()],
            next_page_token=token,
            roots=[messages.root(status) for status in authority.roots()],
            rotation_state=messages.ROTATION[authority.rotation],
        )

    async def DrainInstance(self, request: pb.DrainInstanceRequest, context: Any) -> pb.DrainInstanceResponse:
        """No new calls to one instance."""
        hold = request.hold.ToTimedelta() if request.HasField("hold") else HOLD
        instance, behind = await self._plane.traffic.drain(
            request.node_id, hold, request.allow_last, _seconds()
        )
        connected = self._plane.proxies.newest().get(request.node_id)
        return pb.DrainInstanceResponse(proxy=messages.proxy(instance, connected), behind_node_ids=behind)

    async def ReadmitInstance(
        self, request: pb.ReadmitInstanceRequest, context: Any
    ) -> pb.ReadmitInstanceResponse:
        """Calls to it again."""
        instance, behind = await self._plane.traffic.readmit(request.node_id, _seconds())
        connected = self._plane.proxies.newest().get(request.node_id)
        return pb.ReadmitInstanceResponse(proxy=messages.proxy(instance, connected), behind_node_ids=behind)

    async def RemoveInstance(
        self, request: pb.RemoveInstanceRequest, context: Any
    ) -> pb.RemoveInstanceResponse:
        """Out for good."""
        behind = await self._plane.membership.remove(request.node_id, request.allow_last, _seconds())
        return pb.RemoveInstanceResponse(behind_node_ids=behind)

    async def RotateRoot(
        self, request: pb.RotateRootRequest, context: Any
    ) -> AsyncIterator[pb.RotateRootResponse]:
        """Step by step, until the new root is the only one, or until a proxy is behind."""
        step = request.step_timeout.ToTimedelta() if request.HasField("step_timeout") else STEP
        last: Progress | None = None
        async with aclosing(self._plane.rotation.run(step.total_seconds())) as states:
            async for last in states:
                yield messages.progress(last)
        if last is not None and last.behind:
            names = ", ".join(last.behind)
            said = f"{names} did not acknowledge {last.state}: mend or remove them, then rotate again"
            raise Problem("unavailable", "PROXIES_BEHIND", said, {"node_ids": names})

    async def GetPolicyState(
        self, request: pb.GetPolicyStateRequest, context: Any
    ) -> pb.GetPolicyStateResponse:
        """Whether the file, as it is now, is in force, and at whom not yet."""
        await self._plane.look()
        wrong = self._plane.watch.mistakes
        patience = min(request.wait.ToTimedelta().total_seconds(), _seconds())
        behind = () if wrong else await self._plane.acknowledgements.wait(patience)
        mistakes = messages.mistakes(wrong)
        return pb.GetPolicyStateResponse(in_force=not wrong, mistakes=mistakes, behind_node_ids=behind)


def _seconds() -> float:
    """How long the proxies may be waited for."""
    return max(0.0, call.remaining(LONGEST_SECONDS) - MARGIN_SECONDS)


def _page(
    everything: Mapping[str, V], request: pb.ListProxiesRequest | pb.ListCertificatesRequest, scope: str
) -> tuple[dict[str, V], str]:
    """A page of what is known by node id, and the token of the next one."""
    after = "".join(pages.decode(request.page_token, scope))
    left = sorted(name for name in everything if name > after)
    names = left[: pages.size(request.page_size)]
    token = pages.encode([names[-1]], scope) if len(names) < len(left) else ""
    return {name: everything[name] for name in names}, token
