"""Every service with two instances, all restarted one after the other under load: no call fails."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from ops import mesh_client, roll, scale, topology
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import wait_for, wait_until_nothing_is_open
from tests.harness.customer import Customer
from tests.harness.steady import steadily

pytestmark = [pytest.mark.suite, pytest.mark.long, pytest.mark.timeout(1200)]


@pytest.fixture
def doubled(suite: Suite) -> Iterator[Suite]:
    larger = Suite.load(suite.name)
    try:
        for service in topology.SERVICES:
            larger = scale.scaled(larger, service, 2, "v1")
        yield larger
    finally:
        for service in topology.SERVICES:
            larger = scale.scaled(larger, service, 1, "v1")


@pytest.mark.parametrize("turns", [2])
def test_rolling_restarts_of_all_services_fail_no_call(
    doubled: Suite, edge: grpc.Channel, turns: int
) -> None:
    customers = [Customer.new(edge) for _ in range(3)]

    def ordered_by(customer: Customer, coordination: orders_pb2.Coordination.ValueType) -> str:
        answer = customer.place(coordination=coordination)
        return "OK" if answer.code == "OK" else f"{answer.code} {answer.reason} {answer.details}"

    callers = [
        lambda who=who, how=how: ordered_by(who, how)
        for who, how in zip(customers, orders_pb2.Coordination.values()[1:], strict=True)
    ]
    with steadily(callers) as load, mesh_client.control_plane(doubled) as control:
        for service in topology.SERVICES:
            for instance in doubled.site.instances(service):
                roll.restarted(doubled, control, instance)
        wanted = load.calls + 50
        wait_for(lambda: load.calls >= wanted, "some more calls")
    assert load.failed == {}
    assert wait_until_nothing_is_open(doubled).violations == []
