"""Every service with two instances, all restarted one after the other under load: no call fails."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import grpc
import pytest

from ops import mesh_client, roll, scale, topology
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import wait_for, wait_until_nothing_is_open
from tests.harness.customer import Customer
from tests.harness.steady import steadily

FINAL = (orders_pb2.ORDER_STATE_CONFIRMED, orders_pb2.ORDER_STATE_CANCELLED)
pytestmark = [pytest.mark.suite, pytest.mark.long, pytest.mark.timeout(1200)]


@pytest.fixture
def doubled(suite: Suite) -> Iterator[Suite]:
    larger = Suite.load(suite.name)
    try:
        for service in topology.WORKLOADS:
            larger = scale.scaled(larger, service, 2, "v1")
        yield larger
    finally:
        for service in topology.WORKLOADS:
            larger = scale.scaled(larger, service, 1, "v1")


def ordered_by(customer: Customer, coordination: orders_pb2.Coordination.ValueType) -> str:
    """One order, followed to its end, so that no more are begun than are carried through."""
    answer = customer.place(coordination=coordination)
    if answer.code != "OK":
        return f"{answer.code} {answer.reason} {answer.details}"
    wait_for(lambda: customer.get(answer.order_id).state in FINAL, f"order {answer.order_id} to end")
    return "OK"


def test_rolling_restarts_of_all_services_fail_no_call(doubled: Suite, edge: grpc.Channel) -> None:
    callers = [
        partial(ordered_by, Customer.new(edge), coordination)
        for coordination in orders_pb2.Coordination.values()[1:]
    ]
    with steadily(callers) as load, mesh_client.control_plane(doubled) as control:
        for service in topology.WORKLOADS:
            for instance in doubled.site.instances(service):
                roll.restarted(doubled, control, instance)
        wanted = load.calls + 50
        wait_for(lambda: load.calls >= wanted, "some more calls")
    assert load.failed == {}
    assert wait_until_nothing_is_open(doubled).violations == []
