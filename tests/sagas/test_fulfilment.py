"""The long flow against the running suite: approvals, cancels, refusals, deaths of processes."""

import uuid
from collections.abc import Callable

import grpc
import pytest

from kit.testing.tables import rows
from ops.client import Metadata, refusal
from ops.suite import Suite
from ordermesh.inventory.v1 import inventory_service_pb2, inventory_service_pb2_grpc
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc
from tests.harness import workflows
from tests.harness.breaking import stopped, wait_for, wait_until_nothing_is_open
from tests.harness.customer import Answer, Customer
from tests.sagas.test_scenarios import assert_ends, given

pytestmark = [pytest.mark.suite, pytest.mark.timeout(180)]

FULFIL, BY_WORKFLOW = orders_pb2.FLOW_FULFIL, orders_pb2.COORDINATION_ORCHESTRATION
MUCH = 60
"""So many mugs cost more than may be sold without approval."""
Decided = orders_service_pb2.ApproveOrderResponse | orders_service_pb2.RejectOrderResponse


class Operator:
    """Somebody who decides, at the operator's entry."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata) -> None:
        self.orders = orders_service_pb2_grpc.OrdersServiceStub(channel)
        self.stock = inventory_service_pb2_grpc.InventoryServiceStub(channel)
        self.metadata = metadata

    def approve(self, order_id: str, request_id: str = "") -> Answer:
        request = orders_service_pb2.ApproveOrderRequest(
            request_id=request_id or str(uuid.uuid4()), order_id=order_id
        )
        return self._said(self.orders.ApproveOrder, request)

    def reject(self, order_id: str) -> Answer:
        request = orders_service_pb2.RejectOrderRequest(request_id=str(uuid.uuid4()), order_id=order_id)
        return self._said(self.orders.RejectOrder, request)

    def get(self, order_id: str) -> orders_pb2.Order:
        request = orders_service_pb2.GetOrderRequest(order_id=order_id)
        return self.orders.GetOrder(request, metadata=self.metadata, timeout=5).order

    def restock(self, sku: str, quantity: int) -> None:
        request = inventory_service_pb2.RestockRequest(
            request_id=str(uuid.uuid4()), sku=sku, quantity=quantity
        )
        self.stock.Restock(request, metadata=self.metadata, timeout=5)

    def _said(self, method: Callable[..., Decided], request: object) -> Answer:
        try:
            return Answer("OK", order=method(request, metadata=self.metadata, timeout=10).order)
        except grpc.RpcError as error:
            said = refusal(error)
            return Answer(said.code, said.reason, said.details)


@pytest.fixture
def boss(operator: grpc.Channel, olga: Metadata) -> Operator:
    return Operator(operator, olga)


def asked_for(suite: Suite, customer: Customer) -> str:
    """An order that waits for approval."""
    order_id = customer.place(flow=FULFIL, coordination=BY_WORKFLOW, quantity=MUCH).order_id
    state = orders_pb2.ORDER_STATE_AWAITING_APPROVAL
    wait_for(lambda: customer.get(order_id).state == state, "the order to wait for approval")
    wait_for(lambda: workflows.waits_for(suite, order_id, "approval"), "the workflow to wait for approval")
    return order_id


def states(customer: Customer, order_id: str) -> list[str]:
    """The order's states until its end."""
    history = customer.history(order_id)
    return [orders_pb2.OrderState.Name(entry.state).removeprefix("ORDER_STATE_") for entry in history]


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row["scenario"]) for row in rows("Scenarios of the long flow")]
)
def test_an_order_ends_as_the_table_says(
    suite: Suite, customer: Customer, boss: Operator, row: dict[str, str]
) -> None:
    quantity = int(row["quantity"])
    boss.restock("FILTERS-100", quantity)
    with given(suite, row["given"]):
        answer = customer.place(
            card=row["card"], sku="FILTERS-100", quantity=quantity, coordination=BY_WORKFLOW, flow=FULFIL
        )
        assert answer.code == "OK", answer
        if quantity > 1:
            wait_for(lambda: boss.approve(answer.order_id).code == "OK", "the approval to be taken")
    assert_ends(suite, customer, row["ends"])
    status, order_state = workflows.ended(suite, answer.order_id)
    assert (status, order_state) == (workflows.COMPLETED, row["ends"].split()[0])


def test_a_small_order_goes_to_its_delivery_without_a_person(customer: Customer) -> None:
    order_id = customer.place(flow=FULFIL, coordination=BY_WORKFLOW).order_id
    assert states(customer, order_id) == ["PENDING", "CONFIRMED", "SHIPPED", "DELIVERED"]


def test_the_caller_may_leave_the_coordination_open(customer: Customer) -> None:
    placed = customer.place(flow=FULFIL, coordination=orders_pb2.COORDINATION_UNSPECIFIED).order
    assert placed is not None
    assert placed.coordination == BY_WORKFLOW
    assert "FULFIL has 8 steps" in placed.coordination_reason
    said = customer.place(flow=FULFIL, coordination=orders_pb2.COORDINATION_SYNC)
    assert (said.code, said.reason) == ("INVALID_ARGUMENT", "FLOW_NEEDS_ORCHESTRATION")


def test_a_person_approves_and_the_order_goes_on(suite: Suite, customer: Customer, boss: Operator) -> None:
    order_id = asked_for(suite, customer)
    request_id = str(uuid.uuid4())
    answers = [boss.approve(order_id, request_id) for _ in range(2)]
    assert [answer.code for answer in answers] == ["OK", "OK"]
    assert boss.approve(order_id).reason == "ORDER_NOT_AWAITING_APPROVAL"
    assert boss.reject(order_id).reason == "ORDER_NOT_AWAITING_APPROVAL"
    expected = ["PENDING", "AWAITING_APPROVAL", "PENDING", "CONFIRMED", "SHIPPED", "DELIVERED"]
    assert states(customer, order_id) == expected
    assert boss.approve(order_id).reason == "ORDER_NOT_AWAITING_APPROVAL"
    assert wait_until_nothing_is_open(suite).violations == []


def test_a_person_rejects_and_all_is_undone(suite: Suite, customer: Customer, boss: Operator) -> None:
    order_id = asked_for(suite, customer)
    assert boss.reject(order_id).code == "OK"
    assert customer.history(order_id)[-1].reason == "REJECTED"
    assert wait_until_nothing_is_open(suite).violations == []


def test_the_customer_cancels_while_a_person_is_asked(suite: Suite, customer: Customer) -> None:
    order_id = asked_for(suite, customer)
    assert customer.cancel(order_id).code == "OK"
    assert customer.history(order_id)[-1].reason == "CANCELLED_BY_CUSTOMER"
    assert wait_until_nothing_is_open(suite).violations == []


def test_an_approval_finds_no_temporal_and_is_repeated(
    suite: Suite, customer: Customer, boss: Operator
) -> None:
    order_id = asked_for(suite, customer)
    request_id = str(uuid.uuid4())
    with stopped(suite, "temporal"):
        said = boss.approve(order_id, request_id)
        assert said.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    wait_for(lambda: boss.approve(order_id, request_id).code == "OK", "the approval to be taken")
    assert states(customer, order_id)[-1] == "DELIVERED"


def test_a_cancel_while_the_capture_is_slow_is_remembered_and_pays_back(
    suite: Suite, customer: Customer
) -> None:
    order_id = customer.place(card="capture_slow", flow=FULFIL, coordination=BY_WORKFLOW).order_id
    wait_for(lambda: workflows.waits_for(suite, order_id, "capture"), "the capture to begin")
    assert customer.cancel(order_id).code == "OK"
    assert states(customer, order_id)[-1] == "CANCELLED"  # refunded: the cancel was remembered in time
    assert wait_until_nothing_is_open(suite).violations == []


def test_cancels_thrown_at_many_orders_have_one_winner_each(suite: Suite, customer: Customer) -> None:
    orders = [customer.place(flow=FULFIL, coordination=BY_WORKFLOW).order_id for _ in range(12)]
    for order_id in orders:
        customer.cancel(order_id)
    ends = {states(customer, order_id)[-1] for order_id in orders}
    assert ends <= {"DELIVERED", "CANCELLED"}
    assert wait_until_nothing_is_open(suite).violations == []


def test_only_an_operator_is_shown_where_the_workflow_is(customer: Customer, boss: Operator) -> None:
    order_id = customer.place(flow=FULFIL, coordination=BY_WORKFLOW).order_id
    assert customer.get(order_id).workflow_url == ""
    assert boss.get(order_id).workflow_url.endswith(f"/namespaces/default/workflows/{order_id}")
    chained = customer.place().order_id
    assert boss.get(chained).workflow_url == ""


def test_a_customer_may_not_decide(suite: Suite, customer: Customer, operator: grpc.Channel) -> None:
    order_id = asked_for(suite, customer)
    themselves = Operator(operator, customer.metadata)
    assert themselves.approve(order_id).reason == "OPERATOR_REQUIRED"
    assert customer.cancel(order_id).code == "OK"
