"""What every implementation of ordermesh.orders.v1.OrdersService shows, to whom; sagas: tests/sagas."""

import uuid
from collections.abc import Callable
from functools import partial

import grpc
import pytest

from ops.client import Metadata
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2_grpc
from ordermesh.orders.v1 import orders_service_pb2 as pb
from tests.harness.customer import Customer
from tests.harness.refusals import STATUS_DETAILS, refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
TRACEPARENT = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
Call = Callable[[str, Metadata], object]


class Orders:
    """The service under test, as customers call it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub = orders_service_pb2_grpc.OrdersServiceStub(channel)

    def get(self, order_id: str, caller: Metadata) -> orders_pb2.Order:
        request = pb.GetOrderRequest(order_id=order_id)
        return self.stub.GetOrder(request, metadata=caller, timeout=SECONDS).order

    def cancel(self, order_id: str, caller: Metadata) -> orders_pb2.Order:
        request = pb.CancelOrderRequest(request_id=str(uuid.uuid4()), order_id=order_id)
        return self.stub.CancelOrder(request, metadata=caller, timeout=SECONDS).order

    def watch(self, order_id: str, caller: Metadata, after: int = 0) -> list[orders_pb2.OrderStatus]:
        """The history until the order's end."""
        request = pb.WatchOrderRequest(order_id=order_id, after_version=after)
        return [news.status for news in self.stub.WatchOrder(request, metadata=caller, timeout=SECONDS)]

    def page(self, caller: Metadata, size: int = 0, token: str = "") -> pb.ListOrdersResponse:
        request = pb.ListOrdersRequest(page_size=size, page_token=token)
        return self.stub.ListOrders(request, metadata=caller, timeout=SECONDS)


@pytest.fixture(scope="module")
def orders(channel_to: Callable[[str], grpc.Channel]) -> Orders:
    return Orders(channel_to("orders"))


@pytest.fixture
def buyer(customer: Customer, orders: Orders) -> Customer:
    """A new customer who places orders with the service under test itself."""
    customer.orders = orders.stub
    return customer


@pytest.fixture
def stranger(edge: grpc.Channel) -> Customer:
    return Customer.new(edge)


def test_an_order_is_read_as_it_was_placed(orders: Orders, buyer: Customer) -> None:
    answer = buyer.place(quantity=2)
    assert answer.order is not None, answer
    order = orders.get(answer.order_id, buyer.metadata)
    assert order == answer.order
    assert (order.customer_id, order.state) == (buyer.user_id, orders_pb2.ORDER_STATE_CONFIRMED)
    assert [(line.sku, line.quantity) for line in order.lines] == [("MUG-BLUE", 2)]
    unit, total = order.lines[0].unit_price, order.total
    assert 2 * (unit.units * 10**9 + unit.nanos) == total.units * 10**9 + total.nanos
    assert order.coordination == orders_pb2.COORDINATION_SYNC
    assert order.coordination_reason


def test_an_operator_reads_and_watches_every_order(orders: Orders, buyer: Customer, olga: Metadata) -> None:
    order_id = buyer.place().order_id
    assert orders.get(order_id, olga).customer_id == buyer.user_id
    assert orders.watch(order_id, olga)[-1].state == orders_pb2.ORDER_STATE_CONFIRMED
    assert order_id in [order.order_id for order in orders.page(olga, 100).orders]


@pytest.mark.parametrize("method", ["get", "cancel", "watch"])
def test_a_foreign_and_an_unknown_order_give_the_same_bytes(
    orders: Orders, buyer: Customer, stranger: Customer, method: str
) -> None:
    caller = (*stranger.metadata, TRACEPARENT)  # the trace id stands in the answer
    call: Call = getattr(orders, method)
    foreign = error_bytes(partial(call, buyer.place().order_id, caller))
    unknown = error_bytes(partial(call, str(uuid.uuid4()), caller))
    assert foreign == unknown
    assert refused(partial(call, str(uuid.uuid4()), caller)).short == ("PERMISSION_DENIED", "ACCESS_DENIED")


def error_bytes(call: Callable[[], object]) -> tuple[str, str | None, bytes]:
    """Code, message and details of an error, as they came over the wire."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    (details,) = [item.value for item in caught.value.trailing_metadata() if item.key == STATUS_DETAILS]
    assert isinstance(details, bytes)
    return caught.value.code().name, caught.value.details(), details


def test_a_foreign_order_is_not_cancelled(orders: Orders, buyer: Customer, stranger: Customer) -> None:
    order = buyer.place().order
    assert order is not None
    refused(lambda: orders.cancel(order.order_id, stranger.metadata))
    assert orders.get(order.order_id, buyer.metadata) == order


def test_a_list_shows_the_callers_orders_newest_first(
    orders: Orders, buyer: Customer, stranger: Customer
) -> None:
    placed = [buyer.place().order_id for _ in range(5)]
    assert [order.order_id for order in orders.page(buyer.metadata).orders] == placed[::-1]
    assert list(orders.page(stranger.metadata).orders) == []


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_of_any_size_show_every_order_once(orders: Orders, buyer: Customer, size: int) -> None:
    placed = [buyer.place().order_id for _ in range(5)]
    page = orders.page(buyer.metadata, size)
    pages = [[order.order_id for order in page.orders]]
    while page.next_page_token:
        page = orders.page(buyer.metadata, size, page.next_page_token)
        pages.append([order.order_id for order in page.orders])
    assert [order_id for found in pages for order_id in found] == placed[::-1]
    assert {len(found) for found in pages[:-1]} <= {size}
    assert pages[-1]


def test_an_order_placed_between_two_pages_shifts_none(orders: Orders, buyer: Customer) -> None:
    placed = [buyer.place().order_id for _ in range(4)]
    first = orders.page(buyer.metadata, 2)
    buyer.place()
    second = orders.page(buyer.metadata, 2, first.next_page_token)
    seen = [order.order_id for page in (first, second) for order in page.orders]
    assert seen == placed[::-1]


def test_a_page_token_of_another_caller_is_refused(
    orders: Orders, buyer: Customer, stranger: Customer
) -> None:
    for _ in range(2):
        buyer.place()
    token = orders.page(buyer.metadata, 1).next_page_token
    for caller, broken in ((stranger, token), (buyer, token[:-2]), (buyer, "x")):
        said = refused(partial(orders.page, caller.metadata, 1, broken))
        assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", ("page_token",))


def test_a_history_begins_at_one_without_a_gap_and_ends_with_the_order(
    orders: Orders, buyer: Customer
) -> None:
    order = buyer.place().order
    assert order is not None
    history = orders.watch(order.order_id, buyer.metadata)
    assert [entry.version for entry in history] == list(range(1, order.version + 1))
    assert history[0].state == orders_pb2.ORDER_STATE_PENDING
    assert history[-1].state == orders_pb2.ORDER_STATE_CONFIRMED
    assert orders.watch(order.order_id, buyer.metadata, after=1) == history[1:]
    assert orders.watch(order.order_id, buyer.metadata, after=order.version) == []


def test_a_cancelled_order_says_why_in_its_history(orders: Orders, buyer: Customer) -> None:
    answer = buyer.place(card="declined", wait=orders_pb2.WAIT_FINAL)
    last = orders.watch(answer.order_id, buyer.metadata)[-1]
    assert (last.state, last.reason) == (orders_pb2.ORDER_STATE_CANCELLED, "PAYMENT_DECLINED")


def test_a_request_id_is_the_customers_own(buyer: Customer, stranger: Customer) -> None:
    request_id = str(uuid.uuid4())
    first, other = buyer.place(request_id=request_id), stranger.place(request_id=request_id)
    assert first.code == other.code == "OK"
    assert first.order_id != other.order_id


def test_a_request_id_names_one_order_with_one_content(buyer: Customer) -> None:
    request_id = str(uuid.uuid4())
    first = buyer.place(request_id=request_id)
    assert buyer.place(request_id=request_id).order == first.order
    said = buyer.place(request_id=request_id, quantity=2)
    assert (said.code, said.reason) == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")
    assert len(buyer.all_orders()) == 1


def test_the_request_id_of_a_cancel_names_one_order(orders: Orders, buyer: Customer) -> None:
    paid = buyer.place().order_id
    said = buyer.cancel(paid)
    assert (said.code, said.reason) == ("FAILED_PRECONDITION", "ORDER_NOT_CANCELLABLE")
    declined = [buyer.place(card="declined", wait=orders_pb2.WAIT_FINAL).order_id for _ in range(2)]
    request_id = str(uuid.uuid4())
    assert buyer.cancel(declined[0], request_id).code == "OK"
    assert buyer.cancel(declined[0], request_id).order_id == declined[0]
    assert buyer.cancel(declined[1], request_id).reason == "REQUEST_ID_MISMATCH"


@pytest.mark.parametrize(
    "coordination", [orders_pb2.COORDINATION_CHOREOGRAPHY, orders_pb2.COORDINATION_ORCHESTRATION]
)
def test_an_order_that_others_carry_is_accepted_at_once(
    buyer: Customer, coordination: orders_pb2.Coordination.ValueType
) -> None:
    accepted = buyer.place(coordination=coordination)
    assert accepted.order is not None
    assert (accepted.code, accepted.order.state) == ("OK", orders_pb2.ORDER_STATE_PENDING)


def test_the_server_picks_a_coordination_and_the_order_records_why(buyer: Customer) -> None:
    placed = buyer.place(coordination=orders_pb2.COORDINATION_UNSPECIFIED).order
    assert placed is not None
    assert placed.coordination == orders_pb2.COORDINATION_CHOREOGRAPHY
    assert placed.coordination_reason.startswith("left open by the caller; STANDARD has 3 steps")


def test_an_unknown_product_places_nothing(buyer: Customer) -> None:
    said = buyer.place(sku="NO-SUCH-PRODUCT")
    assert (said.code, said.reason) == ("NOT_FOUND", "PRODUCT_NOT_FOUND")
    assert buyer.all_orders() == []


def test_several_histories_are_read_at_once_and_nobody_elses(
    orders: Orders, buyer: Customer, stranger: Customer
) -> None:
    mine, foreign = [buyer.place().order_id for _ in range(2)], stranger.place().order_id
    request = pb.BatchGetHistoriesRequest(order_ids=[*mine, foreign, str(uuid.uuid4())])
    statuses = orders.stub.BatchGetHistories(request, metadata=buyer.metadata, timeout=SECONDS).statuses
    assert {status.order_id for status in statuses} == set(mine)
    for order_id in mine:
        told = [status for status in statuses if status.order_id == order_id]
        assert told == orders.watch(order_id, buyer.metadata)
