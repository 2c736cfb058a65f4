"""What an operator sees and does by the API, with real sidecars that have to acknowledge it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1.health_pb2 import HealthCheckResponse

from kit.errors import error_info
from mesh.authority import Rotation
from mesh.tests.answers import eventually
from mesh.tests.calls import Watched, answers, code, endpoints, healthy, in_step, load, operator
from mesh.tests.fleet import Fleet, Inventory, fleet
from mesh.tests.policies import policy, without_extras
from ordermesh.mesh.v1 import mesh_pb2
from ordermesh.mesh.v1 import mesh_service_pb2 as pb

pytestmark = pytest.mark.processes

PLAIN = without_extras(policy())
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
STEADY, TRUSTED, ISSUING = (
    mesh_pb2.ROTATION_STATE_STEADY,
    mesh_pb2.ROTATION_STATE_TRUSTED,
    mesh_pb2.ROTATION_STATE_ISSUING,
)


class Two:
    """Two instances of inventory, and orders that calls them."""

    def __init__(self, mesh: Fleet) -> None:
        self.mesh = mesh
        self.first, self.second = Inventory(), Inventory()

    async def start(self) -> None:
        await self.mesh.serve(self.first, "inventory-1")
        await self.mesh.serve(self.second, "inventory-2")
        await self.mesh.sidecar("inventory", "inventory-1", "v1")
        await self.mesh.sidecar("inventory", "inventory-2", "v1")
        await self.mesh.sidecar("orders", "orders-1")
        await in_step(self.mesh, 3)
        await eventually(self.both_are_well)
        await eventually(self.both_are_called)

    async def both_are_well(self) -> bool:
        """While none is, all are called: nothing could be said of a single one."""
        return await healthy(self.mesh, "orders-1", "inventory") == 2

    async def both_are_called(self) -> bool:
        before = len(self.first.asked), len(self.second.asked)
        answered = {await code(self.mesh) for _ in range(8)}
        now = len(self.first.asked), len(self.second.asked)
        return answered == {grpc.StatusCode.OK} and now[0] > before[0] and now[1] > before[1]

    async def first_is_left_alone(self) -> None:
        """Many calls are all well, and none reaches the first."""
        before = len(self.first.asked)
        assert {await code(self.mesh) for _ in range(20)} == {grpc.StatusCode.OK}
        assert len(self.first.asked) == before


@pytest.fixture
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path_factory.mktemp("m"), PLAIN, timedelta(hours=1)) as made:
        yield made


@pytest.fixture
async def two(mesh: Fleet) -> Two:
    made = Two(mesh)
    await made.start()
    return made


def reason(error: grpc.RpcError) -> str:
    info = error_info(error)
    return info.reason if info else ""


async def test_the_operator_sees_every_proxy_and_its_certificate(two: Two) -> None:
    async with operator(two.mesh) as api:
        first = await api.ListProxies(pb.ListProxiesRequest(page_size=2))
        rest = await api.ListProxies(pb.ListProxiesRequest(page_size=2, page_token=first.next_page_token))
        proxies = [*first.proxies, *rest.proxies]
        held = await api.ListCertificates(pb.ListCertificatesRequest())
    assert [one.node_id for one in proxies] == ["inventory-1", "inventory-2", "orders-1"]
    assert rest.next_page_token == ""
    assert all(one.connected and one.in_step and not one.draining for one in proxies)
    assert {state.type for state in proxies[0].resources} >= {"Cluster", "Listener", "Secret"}
    assert [one.spiffe_id for one in held.certificates] == [
        f"spiffe://ordermesh.local/{name}" for name in ("inventory", "inventory", "orders")
    ]
    assert {one.root_id for one in held.certificates} == {root.root_id for root in held.roots}
    assert held.rotation_state == STEADY
    assert "PRIVATE KEY" not in str(held)


async def test_a_proxy_that_is_gone_is_listed_as_away(two: Two) -> None:
    await two.mesh.stop_sidecar("inventory-2")

    async def it_is_away() -> bool:
        async with operator(two.mesh) as api:
            found = (await api.ListProxies(pb.ListProxiesRequest())).proxies[1]
        return not found.connected and found.HasField("away_time")

    await eventually(it_is_away)


async def test_a_drained_instance_gets_no_call_from_the_answer_on_until_it_is_readmitted(two: Two) -> None:
    async with operator(two.mesh) as api, load(two.mesh) as calls:
        drained = await api.DrainInstance(pb.DrainInstanceRequest(node_id="inventory-1"), timeout=10)
        assert (list(drained.behind_node_ids), drained.proxy.draining) == ([], True)
        await calls.those_under_way()
        await two.first_is_left_alone()
        await two.mesh.restart_sidecar("inventory-1")
        await in_step(two.mesh, 3)
        await two.first_is_left_alone()
        back = await api.ReadmitInstance(pb.ReadmitInstanceRequest(node_id="inventory-1"), timeout=10)
        assert (list(back.behind_node_ids), back.proxy.draining) == ([], False)
        await eventually(two.both_are_called)


async def test_a_restart_of_the_control_plane_readmits_nobody_and_the_end_of_the_hold_does(two: Two) -> None:
    request = pb.DrainInstanceRequest(node_id="inventory-1", hold=Duration(seconds=600))
    async with operator(two.mesh) as api:
        assert not (await api.DrainInstance(request, timeout=10)).behind_node_ids
        await two.first_is_left_alone()
    await two.mesh.stop_control_plane()
    await two.mesh.start_control_plane()
    async with operator(two.mesh) as api:
        drained = await api.DrainInstance(request, timeout=10)  # waits for those that are not back yet
        assert list(drained.behind_node_ids) == []
        await two.first_is_left_alone()
        await api.DrainInstance(
            pb.DrainInstanceRequest(node_id="inventory-1", hold=Duration(seconds=1)), timeout=10
        )
    await eventually(two.both_are_called)


async def test_the_last_instance_that_takes_calls_is_neither_drained_nor_removed(two: Two) -> None:
    async with operator(two.mesh) as api:
        await api.DrainInstance(pb.DrainInstanceRequest(node_id="inventory-1"), timeout=10)
        for call in (
            api.DrainInstance(pb.DrainInstanceRequest(node_id="inventory-2")),
            api.RemoveInstance(pb.RemoveInstanceRequest(node_id="inventory-2")),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
            assert reason(caught.value) == "LAST_INSTANCE"
        await api.DrainInstance(pb.DrainInstanceRequest(node_id="inventory-2", allow_last=True), timeout=10)
        assert all(one.draining for one in two.mesh.registry.now.of("inventory"))


async def test_who_does_not_acknowledge_a_drain_is_named_before_the_deadline(two: Two) -> None:
    two.mesh.signal_sidecar("orders-1", signal.SIGSTOP)
    async with operator(two.mesh) as api:
        request = pb.DrainInstanceRequest(node_id="inventory-1")
        drained = await api.DrainInstance(request, timeout=2)
        assert list(drained.behind_node_ids) == ["orders-1"]
        two.mesh.signal_sidecar("orders-1", signal.SIGCONT)
        again = await api.DrainInstance(request, timeout=10)
        assert list(again.behind_node_ids) == []


async def test_an_instance_that_nobody_knows_is_not_drained(mesh: Fleet) -> None:
    async with operator(mesh) as api:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await api.DrainInstance(pb.DrainInstanceRequest(node_id="nobody-1"))
    assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.NOT_FOUND, "NODE_UNKNOWN")


async def test_a_removed_instance_is_out_of_calls_and_streams_until_it_is_let_in_again(two: Two) -> None:
    kept = two.mesh.folder / "mesh" / "nodes" / "inventory-1.snapshot"

    async def is_kept() -> bool:
        return kept.exists()

    async def its_stream_has_ended() -> bool:
        return set(two.mesh.proxies.newest()) == {"inventory-2", "orders-1"}

    await eventually(is_kept)
    async with operator(two.mesh) as api, load(two.mesh) as calls:
        gone = await api.RemoveInstance(pb.RemoveInstanceRequest(node_id="inventory-1"), timeout=10)
        assert list(gone.behind_node_ids) == []
        await calls.those_under_way()
        await two.first_is_left_alone()
        await eventually(its_stream_has_ended)
        assert await endpoints(two.mesh, "orders-1", "inventory") == 1
        again = await api.RemoveInstance(pb.RemoveInstanceRequest(node_id="inventory-1"), timeout=10)
        assert list(again.behind_node_ids) == []
    assert not kept.exists()
    assert "inventory-1" not in two.mesh.plane.join.nodes()
    await two.mesh.stop_sidecar("inventory-1")
    await two.mesh.sidecar("inventory", "inventory-1", "v1")
    await eventually(two.both_are_called)


async def states(mesh: Fleet, **request: Duration) -> list[tuple[int, bool]]:
    """Rotate, and tell each state with whether it was acknowledged."""
    async with operator(mesh) as api:
        stream = api.RotateRoot(pb.RotateRootRequest(**request), timeout=60)
        return [(told.state, told.acknowledged) async for told in stream]


def rotated(*steps: int) -> list[tuple[int, bool]]:
    return [(step, acknowledged) for step in steps for acknowledged in (False, True)]


async def test_the_root_is_rotated_under_load_with_a_stream_open(two: Two) -> None:
    (before,) = two.mesh.authority.roots()
    async with two.mesh.channel("orders-1", "inventory") as channel:
        watched = Watched(channel)
        assert await watched.hear() == SERVING
        async with load(two.mesh):
            assert await states(two.mesh) == rotated(TRUSTED, ISSUING, STEADY)
        for servicer in (two.first, two.second):
            await servicer.health.set("", NOT_SERVING)
        assert await watched.hear() == NOT_SERVING  # the stream that was open before
    (after,) = two.mesh.authority.roots()
    assert after.key_id != before.key_id
    async with operator(two.mesh) as api:
        held = await api.ListCertificates(pb.ListCertificatesRequest())
    assert {one.root_id for one in held.certificates} == {after.key_id}


async def test_a_rotation_waits_for_a_proxy_that_is_behind_and_goes_on_after_a_restart(two: Two) -> None:
    two.mesh.signal_sidecar("orders-1", signal.SIGSTOP)
    async with operator(two.mesh) as api:
        told = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for state in api.RotateRoot(pb.RotateRootRequest(step_timeout=Duration(seconds=1))):
                told.append(state)
        assert reason(caught.value) == "PROXIES_BEHIND"
        assert "orders-1 did not acknowledge TRUSTED" in str(caught.value.details())
    assert [list(state.behind_node_ids) for state in told][-1] == ["orders-1"]
    assert two.mesh.authority.rotation is Rotation.TRUSTED
    await two.mesh.stop_control_plane()
    two.mesh.signal_sidecar("orders-1", signal.SIGCONT)
    await answers(two.mesh, grpc.StatusCode.OK)
    async with load(two.mesh):
        await two.mesh.start_control_plane()
        assert await states(two.mesh) == rotated(TRUSTED, ISSUING, STEADY)


async def test_a_rotation_runs_once_at_a_time_and_the_death_of_its_command_leaves_it_where_it_is(
    two: Two,
) -> None:
    two.mesh.signal_sidecar("orders-1", signal.SIGSTOP)
    async with operator(two.mesh) as api:
        abandoned = api.RotateRoot(pb.RotateRootRequest())
        assert (await anext(aiter(abandoned))).state == TRUSTED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in api.RotateRoot(pb.RotateRootRequest()):
                pass
        assert reason(caught.value) == "ROTATION_RUNS"
        abandoned.cancel()

    async def nobody_rotates() -> bool:
        return not two.mesh.plane.rotation.runs

    await eventually(nobody_rotates)
    assert two.mesh.authority.rotation is Rotation.TRUSTED
    two.mesh.signal_sidecar("orders-1", signal.SIGCONT)
    assert await states(two.mesh) == rotated(TRUSTED, ISSUING, STEADY)


async def test_a_rotation_does_not_pass_by_those_who_are_not_back_yet(two: Two) -> None:
    await two.mesh.stop_control_plane()
    await two.mesh.stop_sidecar("orders-1")
    await two.mesh.start_control_plane()
    async with operator(two.mesh) as api:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in api.RotateRoot(pb.RotateRootRequest(step_timeout=Duration(seconds=1))):
                pass
    assert "orders-1" in str(caught.value.details())


async def test_certificates_that_live_for_seconds_are_renewed_and_no_call_fails(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with fleet(tmp_path_factory.mktemp("m"), PLAIN, timedelta(seconds=6)) as mesh:
        two = Two(mesh)
        await two.start()
        serials: set[str] = set()

        async def three_have_been_used() -> bool:
            async with operator(mesh) as api:
                held = await api.ListCertificates(pb.ListCertificatesRequest())
            serials.update(one.serial_number for one in held.certificates if one.node_id == "orders-1")
            return len(serials) >= 4

        async with load(mesh):
            await eventually(three_have_been_used)


async def test_the_operator_is_told_whether_the_policy_is_in_force_and_what_is_wrong(mesh: Fleet) -> None:
    async with operator(mesh) as api:
        assert (await api.GetPolicyState(pb.GetPolicyStateRequest())).in_force
        mesh.plane.watch.mistakes = "line 12: no such workload: ordres\nthe file needs `allow:`"
        told = await api.GetPolicyState(pb.GetPolicyStateRequest())
    assert not told.in_force
    assert [(one.line, one.description) for one in told.mistakes] == [
        (12, "no such workload: ordres"),
        (0, "the file needs `allow:`"),
    ]
