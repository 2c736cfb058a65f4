"""Two instances of a service: restarted one after the other, or one of them killed, and nobody notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest

from ops import mesh_client, mesh_parts, roll, scale
from ops.suite import Suite
from ordermesh.orders.v1 import orders_service_pb2
from ordermesh.products.v1 import products_service_pb2, products_service_pb2_grpc
from tests.harness.breaking import wait_for, wait_until_nothing_is_open
from tests.harness.customer import Customer
from tests.harness.steady import Steady, steadily

pytestmark = [pytest.mark.suite, pytest.mark.timeout(300)]

DOUBLED = ("products", "orders", "inventory")
SECONDS = 10.0
READS = 400
"""Before a kill, and after it."""


@pytest.fixture(scope="module")
def doubled(suite: Suite) -> Iterator[Suite]:
    """The services of a chain with two instances each, for the length of this module."""
    larger = suite
    try:
        for service in DOUBLED:
            larger = scale.scaled(larger, service, 2, "v1")
        yield larger
    finally:
        for service in DOUBLED:
            larger = scale.scaled(larger, service, 1, "v1")


def reader(edge: grpc.Channel) -> Callable[[], str]:
    """Reads the price list, then a customer's own orders; OK or the first status that was not. Two customers,
    so that neither comes to the edge's limit of calls.
    """
    guest, owner = Customer.new(edge), Customer.new(edge)
    products = products_service_pb2_grpc.ProductsServiceStub(edge)

    def once() -> str:
        try:
            listed = products_service_pb2.ListProductsRequest()
            products.ListProducts(listed, metadata=guest.metadata, timeout=SECONDS)
            mine = orders_service_pb2.ListOrdersRequest()
            owner.orders.ListOrders(mine, metadata=owner.metadata, timeout=SECONDS)
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"
        return "OK"

    return once


@pytest.fixture
def order(customer: Customer) -> Callable[[], str]:
    """Places a synchronous order."""

    def once() -> str:
        answer = customer.place()
        return "OK" if answer.code == "OK" else f"{answer.code} {answer.reason} {answer.details}"

    return once


def instances(suite: Suite, service: str) -> list[str]:
    """The node ids of a service that the control plane knows."""
    with mesh_client.control_plane(suite) as control:
        return [one.node_id for one in control.proxies() if one.workload == service]


def until_more(load: Steady, calls: int) -> None:
    """Wait for so many more answers."""
    wanted = load.calls + calls
    wait_for(lambda: load.calls >= wanted, f"{calls} more calls")


@pytest.mark.parametrize("service", DOUBLED)
def test_a_rolling_restart_fails_no_call(
    doubled: Suite, service: str, edge: grpc.Channel, order: Callable[[], str]
) -> None:
    before = {one: doubled.pid(one) for one in (service, f"{service}-2")}
    with steadily([reader(edge), order]) as load, mesh_client.control_plane(doubled) as control:
        until_more(load, 20)
        for instance in doubled.site.instances(service):
            roll.restarted(doubled, control, instance)
            until_more(load, 20)
    assert load.failed == {}
    assert all(doubled.pid(one) not in (0, pid) for one, pid in before.items())
    assert wait_until_nothing_is_open(doubled).violations == []


@pytest.mark.parametrize("victim", ["products", "products-sidecar", "orders-2", "orders-2-sidecar"])
def test_a_kill_of_one_of_two_costs_hardly_a_read(doubled: Suite, edge: grpc.Channel, victim: str) -> None:
    with steadily([reader(edge) for _ in range(4)]) as load:
        until_more(load, READS)
        doubled.kill(victim)
        until_more(load, READS)
    doubled.wait_ready(victim)
    assert sum(load.failed.values()) <= load.calls / 1000, load.failed


def test_a_kill_of_one_of_two_loses_no_order(doubled: Suite, customer: Customer) -> None:
    def place() -> str:
        return customer.place().code

    with steadily([place] * 2) as load:
        until_more(load, 20)
        doubled.kill("inventory-2")
        until_more(load, 20)
        doubled.kill(mesh_parts.beside("inventory"))
        until_more(load, 20)
    for part in ("inventory-2", mesh_parts.beside("inventory")):
        doubled.wait_ready(part)
    found = wait_until_nothing_is_open(doubled)
    assert found.violations == []
    orders = customer.all_orders()
    assert len(orders) >= load.answers["OK"]


def test_an_instance_that_goes_is_forgotten(suite: Suite) -> None:
    larger = scale.scaled(Suite.load(suite.name), "shipping", 2, "v2")
    assert instances(larger, "shipping") == ["shipping", "shipping-2"]
    smaller = scale.scaled(larger, "shipping", 1, "v1")
    assert instances(smaller, "shipping") == ["shipping"]
    assert "shipping-2" not in smaller.states()
    assert "shipping-2" not in [one.name for one in Suite.load(suite.name).site.scaled]
