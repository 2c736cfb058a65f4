"""The same code without the mesh, in a suite beside the one under test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from ops import client, lab_mesh, mesh_client, mesh_parts
from ops.errors import SuiteError
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from ordermesh.overview.v1 import overview_service_pb2, overview_service_pb2_grpc
from tests.harness.breaking import wait_until_nothing_is_open
from tests.harness.customer import Customer

pytestmark = [pytest.mark.suite, pytest.mark.timeout(300)]

COORDINATIONS = (
    orders_pb2.COORDINATION_SYNC,
    orders_pb2.COORDINATION_CHOREOGRAPHY,
    orders_pb2.COORDINATION_ORCHESTRATION,
)


@pytest.fixture(scope="module")
def straight(suite: Suite) -> Iterator[Suite]:
    with lab_mesh.beside(f"{suite.name[:20]}-off") as made:
        yield made


def test_no_part_of_the_mesh_runs(straight: Suite) -> None:
    running = set(straight.states())
    assert not [name for name in running if name.endswith(mesh_parts.SIDECAR)]
    assert not running & {mesh_parts.CONTROL, mesh_parts.CACHE}
    with pytest.raises(SuiteError, match="without the mesh"):
        mesh_client.require_mesh(straight)


@pytest.mark.parametrize("coordination", COORDINATIONS)
def test_an_order_is_carried_through(
    straight: Suite, coordination: orders_pb2.Coordination.ValueType
) -> None:
    with client.edge(straight) as channel:
        answer = Customer.new(channel).place(coordination=coordination, wait=orders_pb2.WAIT_FINAL)
    assert answer.order is not None, answer
    assert answer.order.state == orders_pb2.ORDER_STATE_CONFIRMED
    assert wait_until_nothing_is_open(straight).violations == []


def test_an_overview_is_whole(straight: Suite) -> None:
    with client.edge(straight) as channel:
        customer = Customer.new(channel)
        answer = customer.place()
        stub = overview_service_pb2_grpc.OverviewServiceStub(channel)
        request = overview_service_pb2.GetOrderOverviewRequest(order_id=answer.order_id)
        found = stub.GetOrderOverview(request, metadata=customer.metadata, timeout=10).overview
    assert found.HasField("payment")
    assert list(found.unavailable) == []


def test_the_entries_serve_what_they_serve_in_the_mesh(straight: Suite) -> None:
    method = "/ordermesh.inventory.v1.InventoryService/GetStock"
    for entry, code in (
        ("edge", grpc.StatusCode.UNIMPLEMENTED),
        ("operator", grpc.StatusCode.INVALID_ARGUMENT),
    ):
        with grpc.insecure_channel(straight.address(entry)) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                call: Any = channel.unary_unary(method)
                call(b"", timeout=10)
            assert caught.value.code() is code
