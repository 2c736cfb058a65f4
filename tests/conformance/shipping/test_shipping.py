"""What every implementation of ordermesh.shipping.v1 does: the steps, the carrier, and who sees what."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import pytest

from ops.client import Metadata
from ordermesh.sagas.v1 import sagas_pb2
from ordermesh.shipping.v1 import shipping_pb2, shipping_service_pb2_grpc
from ordermesh.shipping.v1 import shipping_service_pb2 as pb
from tests.harness.breaking import wait_for
from tests.harness.customer import Customer
from tests.harness.refusals import read, refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
SOMEBODY = str(uuid.uuid4())
BY_WORKFLOW = sagas_pb2.COORDINATION_ORCHESTRATION


class Shipping:
    """The service as a workflow calls it, and as an operator looks at it."""

    def __init__(self, channel: grpc.Channel, operator: Metadata) -> None:
        self.steps = shipping_service_pb2_grpc.ShippingServiceStub(channel)
        self.tracking = shipping_service_pb2_grpc.TrackingServiceStub(channel)
        self.operator = operator

    def book(
        self, order_id: str, wanted: dict[str, int] | None = None, customer_id: str = SOMEBODY
    ) -> shipping_pb2.Shipment:
        """Book so many of each sku."""
        wanted = wanted or {"MUG-BLUE": 1}
        lines = [shipping_pb2.ShipmentLine(sku=sku, quantity=number) for sku, number in wanted.items()]
        request = pb.BookShipmentRequest(
            request_id=key(order_id, "book-shipment"),
            order_id=order_id,
            customer_id=customer_id,
            lines=lines,
            coordination=BY_WORKFLOW,
        )
        return self.steps.BookShipment(request, timeout=SECONDS).shipment

    def dispatch(self, order_id: str) -> shipping_pb2.Shipment:
        request = pb.DispatchShipmentRequest(
            request_id=key(order_id, "dispatch-shipment"), order_id=order_id, coordination=BY_WORKFLOW
        )
        return self.steps.DispatchShipment(request, timeout=SECONDS).shipment

    def cancel(self, order_id: str, reason: str = "TIMED_OUT") -> shipping_pb2.Shipment:
        request = pb.CancelShipmentRequest(
            request_id=key(order_id, "cancel-shipment"),
            order_id=order_id,
            reason=reason,
            coordination=BY_WORKFLOW,
        )
        return self.steps.CancelShipment(request, timeout=SECONDS).shipment

    def get(self, order_id: str, caller: Metadata | None = None) -> shipping_pb2.Shipment:
        request = pb.GetShipmentRequest(order_id=order_id)
        return self.tracking.GetShipment(request, metadata=caller or self.operator, timeout=SECONDS).shipment


def key(order_id: str, step: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"ordermesh:{order_id}:{step}"))


def state_of(shipment: shipping_pb2.Shipment) -> str:
    return shipping_pb2.ShipmentState.Name(shipment.state).removeprefix("SHIPMENT_STATE_")


def tried(call: Callable[[], shipping_pb2.Shipment]) -> str:
    """The shipment's state, or the reason of the refusal."""
    try:
        return state_of(call())
    except grpc.RpcError as error:
        return read(error).reason


@pytest.fixture(scope="module")
def shipping(channel_to: Callable[[str], grpc.Channel], olga: Metadata) -> Shipping:
    return Shipping(channel_to("shipping"), olga)


@pytest.fixture
def order_id() -> str:
    return str(uuid.uuid4())


def test_a_shipment_is_booked_dispatched_and_delivered(shipping: Shipping, order_id: str) -> None:
    booked = shipping.book(order_id, {"TEA": 3, "MUG": 2})
    assert (state_of(booked), booked.order_id, booked.customer_id) == ("BOOKED", order_id, SOMEBODY)
    assert {line.sku: line.quantity for line in booked.lines} == {"TEA": 3, "MUG": 2}
    dispatched = shipping.dispatch(order_id)
    assert state_of(dispatched) == "IN_TRANSIT"
    assert dispatched.deliver_time.ToNanoseconds() >= dispatched.dispatch_time.ToNanoseconds() > 0
    wait_for(lambda: state_of(shipping.get(order_id)) == "DELIVERED", "the delivery")


def test_a_repeated_step_gets_the_first_answer(shipping: Shipping, order_id: str) -> None:
    first = shipping.book(order_id)
    assert shipping.book(order_id) == first
    taken = shipping.dispatch(order_id)
    assert shipping.dispatch(order_id).deliver_time == taken.deliver_time
    assert state_of(shipping.book(order_id)) in ("IN_TRANSIT", "DELIVERED")


def test_the_same_order_with_other_lines_or_for_somebody_else_is_refused(
    shipping: Shipping, order_id: str
) -> None:
    shipping.book(order_id, {"MUG": 1})
    other_lines = partial(shipping.book, order_id, {"MUG": 2})
    other_customer = partial(shipping.book, order_id, {"MUG": 1}, order_id)
    for other in (other_lines, other_customer):
        assert refused(other).short == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")
    assert shipping.get(order_id).customer_id == SOMEBODY


def test_the_carrier_takes_five_hundred_pieces_and_no_more(shipping: Shipping, order_id: str) -> None:
    assert state_of(shipping.book(str(uuid.uuid4()), {"TEA": 300, "MUG": 200})) == "BOOKED"
    for _ in range(2):
        said = refused(lambda: shipping.book(order_id, {"TEA": 300, "MUG": 201}))
        assert said.short == ("FAILED_PRECONDITION", "SHIPMENT_REFUSED")
        assert said.metadata["pieces"] == "501"
    assert state_of(shipping.cancel(order_id)) == "REFUSED"
    assert refused(lambda: shipping.dispatch(order_id)).reason == "SHIPMENT_REFUSED"


def test_a_cancel_ends_a_booking_once(shipping: Shipping, order_id: str) -> None:
    shipping.book(order_id)
    assert [shipping.cancel(order_id, reason).reason for reason in ("TIMED_OUT", "LATER")] == [
        "TIMED_OUT"
    ] * 2
    said = refused(lambda: shipping.dispatch(order_id))
    assert said.short == ("FAILED_PRECONDITION", "SHIPMENT_CANCELLED")
    assert said.metadata["cancel_reason"] == "TIMED_OUT"


def test_a_cancel_that_comes_first_is_remembered(shipping: Shipping, order_id: str) -> None:
    assert state_of(shipping.cancel(order_id)) == "CANCELLED"
    said = refused(lambda: shipping.book(order_id))
    assert said.short == ("FAILED_PRECONDITION", "SHIPMENT_CANCELLED")


def test_what_is_on_its_way_is_not_cancelled(shipping: Shipping, order_id: str) -> None:
    shipping.book(order_id)
    shipping.dispatch(order_id)
    said = refused(lambda: shipping.cancel(order_id))
    assert said.short == ("FAILED_PRECONDITION", "SHIPMENT_ON_ITS_WAY")
    wait_for(lambda: state_of(shipping.get(order_id)) == "DELIVERED", "the delivery")
    assert refused(lambda: shipping.cancel(order_id)).reason == "SHIPMENT_ON_ITS_WAY"


def test_nothing_is_dispatched_that_is_not_booked(shipping: Shipping, order_id: str) -> None:
    said = refused(lambda: shipping.dispatch(order_id))
    assert said.short == ("FAILED_PRECONDITION", "SHIPMENT_NOT_BOOKED")
    assert state_of(shipping.book(order_id)) == "BOOKED"


def test_booking_and_cancel_in_parallel_leave_nothing_booked(shipping: Shipping) -> None:
    orders = [str(uuid.uuid4()) for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        booking = [pool.submit(tried, partial(shipping.book, order_id)) for order_id in orders]
        cancelling = [pool.submit(tried, partial(shipping.cancel, order_id)) for order_id in orders]
    assert {future.result() for future in cancelling} == {"CANCELLED"}
    assert {future.result() for future in booking} <= {"BOOKED", "SHIPMENT_CANCELLED"}
    assert {state_of(shipping.get(order_id)) for order_id in orders} == {"CANCELLED"}


def test_the_owner_follows_the_shipment_and_nobody_else(
    shipping: Shipping, customer: Customer, order_id: str
) -> None:
    foreign, unknown = str(uuid.uuid4()), str(uuid.uuid4())
    shipping.book(order_id, customer_id=customer.user_id)
    shipping.book(foreign)
    assert shipping.get(order_id, customer.metadata).order_id == order_id
    said = [refused(partial(shipping.get, other, customer.metadata)) for other in (foreign, unknown)]
    assert said[0].short == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert said[0] == said[1]


def test_the_owner_reads_several_shipments_at_once_and_nobody_elses(
    shipping: Shipping, customer: Customer, order_id: str
) -> None:
    foreign, unknown = str(uuid.uuid4()), str(uuid.uuid4())
    shipping.book(order_id, customer_id=customer.user_id)
    shipping.book(foreign)
    request = pb.BatchGetShipmentsRequest(order_ids=[order_id, foreign, unknown])
    for caller, expected in ((customer.metadata, {order_id}), (shipping.operator, {order_id, foreign})):
        found = shipping.tracking.BatchGetShipments(request, metadata=caller, timeout=SECONDS).shipments
        assert {shipment.order_id for shipment in found} == expected


@pytest.mark.parametrize(
    "wanted",
    [{"MUG": 0}, {"MUG": 1001}, {"": 1}],
    ids=["nothing", "too many of one", "no sku"],
)
def test_lines_that_are_none_are_refused(shipping: Shipping, wanted: dict[str, int]) -> None:
    said = refused(lambda: shipping.book(str(uuid.uuid4()), wanted))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "LINE_INVALID", ("lines",))
