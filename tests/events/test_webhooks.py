"""Webhooks of the running suite: each order's history in its order, whatever carries the order or dies."""

from collections.abc import Iterator

import grpc
import pytest

from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import dies_at, wait_for
from tests.harness.customer import Customer
from tests.harness.hooks import Hooks, hooks

pytestmark = [pytest.mark.suite, pytest.mark.timeout(240)]

PLACED, CONFIRMED, CANCELLED = "order.placed", "order.confirmed", "order.cancelled"
WHOLE = [(1, PLACED), (2, CONFIRMED)]
LEASE_SECONDS = 60.0
"""Longer than the lease that a killed instance leaves behind."""


@pytest.fixture
def receiver(suite: Suite) -> Iterator[Hooks]:
    with grpc.insecure_channel(suite.address("notifications")) as channel, hooks(channel) as receiver:
        yield receiver


@pytest.mark.parametrize(
    "coordination",
    [
        orders_pb2.COORDINATION_SYNC,
        orders_pb2.COORDINATION_CHOREOGRAPHY,
        orders_pb2.COORDINATION_ORCHESTRATION,
    ],
)
def test_an_account_is_told_of_its_orders_in_every_coordination(
    receiver: Hooks, customer: Customer, edge: grpc.Channel, coordination: orders_pb2.Coordination.ValueType
) -> None:
    receiver.active(customer.metadata, PLACED, CONFIRMED, CANCELLED)
    order_id = customer.place(coordination=coordination).order_id
    strangers = Customer.new(edge).place(coordination=coordination).order_id
    wait_for(lambda: receiver.told_of(order_id) == WHOLE, "both webhooks")
    declined = customer.place(coordination=coordination, card="declined").order_id
    wait_for(lambda: receiver.told_of(declined) == [(1, PLACED), (2, CANCELLED)], "both webhooks")
    assert receiver.told_of(strangers) == []


@pytest.mark.parametrize(
    "crash_point", ["notifications.after_webhook_recorded", "notifications.after_webhook"]
)
def test_a_killed_instance_leaves_nothing_out_and_goes_never_backwards(
    suite: Suite, receiver: Hooks, customer: Customer, crash_point: str
) -> None:
    """Taken and not recorded, it comes once more, under the same id."""
    receiver.active(customer.metadata, PLACED, CONFIRMED)
    with dies_at(suite, "notifications", crash_point):
        order_id = customer.place(coordination=orders_pb2.COORDINATION_CHOREOGRAPHY).order_id
    wait_for(lambda: WHOLE[1] in receiver.told_of(order_id), "the last webhook", LEASE_SECONDS)
    told = receiver.told_of(order_id)
    assert told == sorted(told)
    assert sorted(set(told)) == WHOLE
    ids = {
        message_id for message_id, message in receiver.taken if message["data"].get("order_id") == order_id
    }
    assert len(ids) == len(WHOLE)
