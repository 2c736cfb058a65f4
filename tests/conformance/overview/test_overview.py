"""What every implementation of ordermesh.overview.v1.OverviewService does: it says what the services say."""

from collections.abc import Callable
from functools import partial

import grpc
import pytest

from ops.client import Metadata
from ordermesh.orders.v1 import orders_pb2
from ordermesh.overview.v1 import overview_pb2, overview_service_pb2, overview_service_pb2_grpc
from ordermesh.payments.v1 import payments_service_pb2, payments_service_pb2_grpc
from ordermesh.products.v1 import products_service_pb2, products_service_pb2_grpc
from tests.harness.customer import Customer
from tests.harness.examples import ID
from tests.harness.refusals import refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
LINES = {"MUG-BLUE": 1, "TEA-GREEN": 2}
Read = Callable[[str, Metadata], overview_pb2.OrderOverview]


@pytest.fixture(scope="module")
def read(channel_to: Callable[[str], grpc.Channel]) -> Read:
    """Ask the part under test for an overview."""
    stub = overview_service_pb2_grpc.OverviewServiceStub(channel_to("overview"))

    def call(order_id: str, caller: Metadata) -> overview_pb2.OrderOverview:
        request = overview_service_pb2.GetOrderOverviewRequest(order_id=order_id)
        return stub.GetOrderOverview(request, metadata=caller, timeout=SECONDS).overview

    return call


@pytest.fixture
def order(customer: Customer) -> orders_pb2.Order:
    answer = customer.place(lines=LINES)
    return customer.get(answer.order_id)


def test_an_overview_says_what_each_service_says(
    read: Read, customer: Customer, order: orders_pb2.Order, edge: grpc.Channel, operator: grpc.Channel
) -> None:
    found = read(order.order_id, customer.metadata)
    assert [line.line for line in found.lines] == list(order.lines)
    order.ClearField("lines")
    assert found.order == order
    payments = payments_service_pb2_grpc.PaymentsServiceStub(operator)
    asked = payments_service_pb2.GetPaymentRequest(order_id=order.order_id)
    assert found.payment == payments.GetPayment(asked, metadata=customer.metadata, timeout=SECONDS).payment
    products = products_service_pb2_grpc.ProductsServiceStub(edge)
    for line in found.lines:
        wanted = products_service_pb2.GetProductRequest(sku=line.line.sku)
        assert line.product == products.GetProduct(wanted, timeout=SECONDS).product
    assert found.customer.customer_id == customer.user_id
    assert not found.HasField("shipment")
    assert list(found.unavailable) == []


def test_an_operator_is_shown_any_order(
    read: Read, olga: Metadata, customer: Customer, order: orders_pb2.Order
) -> None:
    found = read(order.order_id, olga)
    assert found.customer.customer_id == customer.user_id
    assert found.HasField("payment")
    assert list(found.unavailable) == []


def test_foreign_and_unknown_orders_are_refused_alike(
    read: Read, edge: grpc.Channel, order: orders_pb2.Order
) -> None:
    stranger = Customer.new(edge).metadata
    foreign = refused(partial(read, order.order_id, stranger))
    unknown = refused(partial(read, ID, stranger))
    assert foreign.short == unknown.short == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert foreign.message == unknown.message


def test_a_caller_without_a_token_is_told_so(read: Read, order: orders_pb2.Order) -> None:
    assert refused(partial(read, order.order_id, ())).short == ("UNAUTHENTICATED", "TOKEN_MISSING")
