"""The two entries of the running suite: what each serves, and to whom."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ops import reflection
from ops.client import Metadata
from ops.suite import Suite
from ordermesh.access.v1 import access_pb2
from ordermesh.inventory.v1 import inventory_pb2, inventory_service_pb2, inventory_service_pb2_grpc
from ordermesh.products.v1 import products_service_pb2, products_service_pb2_grpc
from tests.harness.breaking import stopped
from tests.harness.customer import Customer
from tests.harness.examples import example
from tests.harness.methods import METHODS, Method, with_access
from tests.harness.refusals import refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
PUBLIC = {
    "ordermesh.users.v1.UsersService",
    "ordermesh.products.v1.ProductsService",
    "ordermesh.orders.v1.OrdersService",
    "ordermesh.shipping.v1.TrackingService",
    "ordermesh.overview.v1.OverviewService",
}
TOOLS = {"grpc.reflection.v1alpha.ServerReflection", "grpc.health.v1.Health"}
INTERNAL = [
    method
    for method in METHODS
    if method.path.split("/")[1] not in PUBLIC or method.access == access_pb2.ACCESS_OPERATOR
]
MUTATING = [method for method in with_access(access_pb2.ACCESS_WORKLOAD) if method.mutates]
CONTACT = [method for method in METHODS if method.name == "users.GetContact"]  # tells what is private
OURS = [method for method in MUTATING if method.part != "processor"] + CONTACT
FOREIGN = [method for method in MUTATING if method.part == "processor"]
UP = "ordermesh.users.v1.UsersService/../ordermesh.users.v1.ContactsService"
FORGED = {"x-ordermesh-entry": "operator", "x-ordermesh-caller": "orders"}


def each(methods: list[Method]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("method", methods, ids=[method.name for method in methods])


def data(method: Method) -> bytes:
    return example(method.request).SerializeToString()


def test_every_method_for_workloads_belongs_to_an_internal_service() -> None:
    assert set(with_access(access_pb2.ACCESS_WORKLOAD)) <= set(INTERNAL)


@each(INTERNAL)
def test_an_internal_method_is_not_served_at_the_public_edge(
    edge: grpc.Channel, olga: Metadata, method: Method
) -> None:
    assert refused(lambda: method.call(edge, data(method), olga)).code == "UNIMPLEMENTED"


@pytest.mark.parametrize("path", [f"/{UP}/GetContact", "/x/y", "/"])
def test_no_path_leads_around_the_public_services(edge: grpc.Channel, olga: Metadata, path: str) -> None:
    way = Method("users", path, METHODS[0].request, METHODS[0].access, False, False)
    assert refused(lambda: way.call(edge, b"", olga)).code == "UNIMPLEMENTED"


@each([method for method in METHODS if method not in INTERNAL])
def test_every_public_method_answers_at_the_edge_itself(edge: grpc.Channel, method: Method) -> None:
    said = refused(lambda: method.call(edge, b"\xff\xff\xff\xff"))
    assert (said.reason, said.domain) == ("MALFORMED_MESSAGE", f"{method.part}.ordermesh")


@each(METHODS)
def test_the_operators_entry_reaches_every_method(
    operator: grpc.Channel, olga: Metadata, method: Method
) -> None:
    said = refused(lambda: method.call(operator, b"\xff\xff\xff\xff", olga))
    assert (said.reason, said.domain) == ("MALFORMED_MESSAGE", f"{method.part}.ordermesh")


@each(OURS)
def test_what_is_internal_wants_the_operators_token_at_the_operators_entry(
    operator: grpc.Channel, customer: Customer, method: Method
) -> None:
    without = refused(lambda: method.call(operator, data(method)))
    assert without.short == ("UNAUTHENTICATED", "TOKEN_MISSING")
    with_customers = refused(lambda: method.call(operator, data(method), customer.metadata))
    assert with_customers.short == ("PERMISSION_DENIED", "OPERATOR_REQUIRED")


@each(FOREIGN)
def test_nobody_moves_money_at_the_card_processor_through_an_entry(
    operator: grpc.Channel, olga: Metadata, method: Method
) -> None:
    """It is another company's: it knows our users as little as their tokens."""
    assert refused(lambda: method.call(operator, data(method))).reason == "TOKEN_MISSING"
    assert refused(lambda: method.call(operator, data(method), olga)).reason == "TOKEN_INVALID"


@each(MUTATING)
@pytest.mark.parametrize("header", list(FORGED))
def test_a_client_cannot_pass_for_another_service(
    operator: grpc.Channel, method: Method, header: str
) -> None:
    headers = ((header, FORGED[header]),)
    assert refused(lambda: method.call(operator, data(method), headers)).reason == "TOKEN_MISSING"


def test_an_internal_change_at_the_operators_entry_is_done_for_the_operator(
    operator: grpc.Channel, olga: Metadata
) -> None:
    inventory = inventory_service_pb2_grpc.InventoryServiceStub(operator)
    request = inventory_service_pb2.ReleaseStockRequest(
        request_id=str(uuid.uuid4()), order_id=str(uuid.uuid4())
    )
    answer = inventory.ReleaseStock(request, metadata=olga, timeout=SECONDS)
    assert answer.reservation.state == inventory_pb2.RESERVATION_STATE_RELEASED


def test_internal_reading_at_the_operators_entry_wants_no_token(operator: grpc.Channel) -> None:
    inventory = inventory_service_pb2_grpc.InventoryServiceStub(operator)
    request = inventory_service_pb2.GetStockRequest(sku="MUG-BLUE")
    assert inventory.GetStock(request, timeout=SECONDS).stock.sku == "MUG-BLUE"


def listed(channel: grpc.Channel) -> list[set[str]]:
    """What reflection lists, a set for each answer."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    answers = stub.ServerReflectionInfo(asked, timeout=SECONDS)
    return [{service.name for service in answer.list_services_response.service} for answer in answers]


def test_reflection_at_the_edge_lists_the_public_services_in_one_answer(edge: grpc.Channel) -> None:
    assert listed(edge) == [PUBLIC | TOOLS]


def test_reflection_at_the_operators_entry_lists_every_service(operator: grpc.Channel) -> None:
    assert listed(operator) == [set(reflection.all_services()) | TOOLS]


@pytest.fixture
def products_stopped(suite: Suite, edge: grpc.Channel) -> Iterator[None]:
    with stopped(suite, "products"):
        yield


@pytest.mark.usefixtures("products_stopped")
def test_a_stopped_service_is_unavailable_at_once(edge: grpc.Channel, customer: Customer) -> None:
    stub = products_service_pb2_grpc.ProductsServiceStub(edge)
    request = products_service_pb2.GetProductRequest(sku="MUG-BLUE")
    began = time.monotonic()
    assert refused(lambda: stub.GetProduct(request, timeout=SECONDS)).code == "UNAVAILABLE"
    assert time.monotonic() - began < SECONDS / 2
    answer = customer.place()
    assert (answer.code, answer.reason) == ("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE")
    assert customer.all_orders() == []


def test_a_service_that_is_back_answers_again(suite: Suite, edge: grpc.Channel, customer: Customer) -> None:
    with stopped(suite, "products"):
        assert customer.place().code == "UNAVAILABLE"
    assert customer.place().code == "OK"
