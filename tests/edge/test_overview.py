"""The overview of an order at the public edge of the running suite, as JSON."""

import re
import uuid
from typing import Any

import grpc
import httpx
import pytest

from ops.client import Metadata
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from ordermesh.overview.v1 import overview_service_pb2, overview_service_pb2_grpc
from tests.harness.breaking import stopped, wait_for
from tests.harness.customer import Customer

pytestmark = pytest.mark.suite

SECONDS = 10.0
LINES = {"MUG-BLUE": 1, "TEA-GREEN": 2}


def get(suite: Suite, order_id: str, metadata: Metadata = ()) -> httpx.Response:
    """Ask for an overview; `metadata` are its headers."""
    url = f"http://{suite.address('edge')}/api/v1/orders/{order_id}/overview"
    return httpx.get(url, headers={name: str(value) for name, value in metadata}, timeout=SECONDS)


def read(suite: Suite, order_id: str, metadata: Metadata) -> Any:
    """An overview that is answered."""
    answer = get(suite, order_id, metadata)
    assert answer.status_code == 200, answer.text
    return answer.json()["overview"]


def reason_of(answer: httpx.Response) -> tuple[int, str]:
    """The status of a refusal, and its reason."""
    (reason,) = [detail["reason"] for detail in answer.json()["details"] if "reason" in detail]
    return answer.status_code, reason


@pytest.fixture
def order_id(customer: Customer) -> str:
    answer = customer.place(lines=LINES)
    assert answer.code == "OK"
    return answer.order_id


def test_an_overview_is_an_order_with_customer_products_and_payment(
    suite: Suite, customer: Customer, order_id: str
) -> None:
    found = read(suite, order_id, customer.metadata)
    assert (found["order"]["order_id"], found["order"]["state"]) == (order_id, "ORDER_STATE_CONFIRMED")
    assert found["order"]["lines"] == []
    assert {line["line"]["sku"]: line["line"]["quantity"] for line in found["lines"]} == LINES
    assert all(line["product"]["sku"] == line["line"]["sku"] for line in found["lines"])
    assert found["customer"] == {"customer_id": customer.user_id, "display_name": "A Test"}
    assert found["payment"]["state"] == "PAYMENT_STATE_CHARGED"
    assert "shipment" not in found  # it has none
    assert found["unavailable"] == []


def test_an_order_of_the_long_flow_has_its_shipment(suite: Suite, customer: Customer) -> None:
    answer = customer.place(coordination=orders_pb2.COORDINATION_ORCHESTRATION, flow=orders_pb2.FLOW_FULFIL)
    assert answer.code == "OK"
    wait_for(
        lambda: "shipment" in read(suite, answer.order_id, customer.metadata), "the shipment to be booked"
    )


def test_an_overview_without_payments_is_partial_and_says_so_until_they_are_back(
    suite: Suite, customer: Customer, order_id: str
) -> None:
    with stopped(suite, "payments"):
        found = read(suite, order_id, customer.metadata)
        (missing,) = found["unavailable"]
        assert missing["service"] == "payments"
        assert re.fullmatch(r"[A-Z_]+", missing["reason"])
        assert "payment" not in found
        assert found["customer"]["customer_id"] == customer.user_id
        assert all("product" in line for line in found["lines"])
    wait_for(lambda: read(suite, order_id, customer.metadata)["unavailable"] == [], "payments to be seen")
    assert "payment" in read(suite, order_id, customer.metadata)


def test_the_overview_of_a_foreign_and_of_an_unknown_order_are_refused_alike(
    suite: Suite, edge: grpc.Channel, order_id: str
) -> None:
    other = Customer.new(edge)
    foreign, unknown = (get(suite, one, other.metadata) for one in (order_id, str(uuid.uuid4())))
    assert reason_of(foreign) == reason_of(unknown) == (403, "ACCESS_DENIED")
    assert foreign.json()["message"] == unknown.json()["message"]


def test_an_operator_reads_the_overview_of_any_order_by_grpc(
    edge: grpc.Channel, olga: Metadata, customer: Customer, order_id: str
) -> None:
    stub = overview_service_pb2_grpc.OverviewServiceStub(edge)
    request = overview_service_pb2.GetOrderOverviewRequest(order_id=order_id)
    found = stub.GetOrderOverview(request, metadata=olga, timeout=SECONDS).overview
    assert found.customer.customer_id == customer.user_id
    assert list(found.unavailable) == []


def test_an_overview_wants_a_token_and_a_uuid(suite: Suite, customer: Customer, order_id: str) -> None:
    assert reason_of(get(suite, order_id)) == (401, "TOKEN_MISSING")
    assert reason_of(get(suite, "1", customer.metadata)) == (400, "VALIDATION_FAILED")
