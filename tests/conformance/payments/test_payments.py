"""What every implementation of ordermesh.payments.v1.PaymentsService does, with each of the test cards."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import grpc
import pytest
from google.type.money_pb2 import Money

from ops.client import Metadata
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2_grpc
from ordermesh.payments.v1 import payments_service_pb2 as pb
from tests.harness.breaking import wait_for
from tests.harness.customer import Customer
from tests.harness.refusals import read, refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
CANCELLED = "CANCELLED_BY_CUSTOMER"
FINAL = ("CHARGED", "DECLINED", "VOIDED", "REFUNDED")


@dataclass(frozen=True)
class Order:
    """What is to be paid."""

    order_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    customer_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    amount: Money = field(default_factory=lambda: Money(currency_code="EUR", units=42, nanos=500_000_000))

    def key(self, step: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"ordermesh:{self.order_id}:{step}"))


class Payments:
    """The service as the orders service calls it."""

    def __init__(self, channel: grpc.Channel, operator: Metadata) -> None:
        self.stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)
        self.operator = operator

    def charge(self, order: Order, card: str = "approved", seconds: float = SECONDS) -> payments_pb2.Payment:
        request = pb.ProcessPaymentRequest(
            request_id=order.key("charge"),
            order_id=order.order_id,
            customer_id=order.customer_id,
            amount=order.amount,
            payment_token=f"tok_{card}",
        )
        return self.stub.ProcessPayment(request, timeout=seconds).payment

    def authorize(self, order: Order, card: str = "approved") -> payments_pb2.Payment:
        request = pb.AuthorizePaymentRequest(
            request_id=order.key("authorise"),
            order_id=order.order_id,
            customer_id=order.customer_id,
            amount=order.amount,
            payment_token=f"tok_{card}",
        )
        return self.stub.AuthorizePayment(request, timeout=SECONDS).payment

    def capture(self, order: Order) -> payments_pb2.Payment:
        request = pb.CapturePaymentRequest(request_id=order.key("capture"), order_id=order.order_id)
        return self.stub.CapturePayment(request, timeout=SECONDS).payment

    def cancel(self, order: Order, reason: str = CANCELLED) -> payments_pb2.Payment:
        request = pb.CancelPaymentRequest(
            request_id=order.key("cancel-payment"), order_id=order.order_id, reason=reason
        )
        return self.stub.CancelPayment(request, timeout=SECONDS).payment

    def get(self, order: Order, caller: Metadata | None = None) -> payments_pb2.Payment:
        request = pb.GetPaymentRequest(order_id=order.order_id)
        return self.stub.GetPayment(request, metadata=caller or self.operator, timeout=SECONDS).payment

    def state(self, order: Order) -> str:
        return state_of(self.get(order))


def state_of(payment: payments_pb2.Payment) -> str:
    return payments_pb2.PaymentState.Name(payment.state).removeprefix("PAYMENT_STATE_")


def tried(call: Callable[[], payments_pb2.Payment]) -> str:
    """The payment's state, or the reason of the refusal."""
    try:
        return state_of(call())
    except grpc.RpcError as error:
        return read(error).reason


def outcome(payments: Payments, order: Order) -> str:
    """The state of the order's payment once it is not open any more."""
    wait_for(lambda: payments.state(order) in FINAL, "the payment's outcome")
    return payments.state(order)


@pytest.fixture(scope="module")
def payments(channel_to: Callable[[str], grpc.Channel], olga: Metadata) -> Payments:
    return Payments(channel_to("payments"), olga)


@pytest.fixture
def order() -> Order:
    return Order()


def test_an_approved_card_is_charged(payments: Payments, order: Order) -> None:
    payment = payments.charge(order)
    assert state_of(payment) == "CHARGED"
    assert (payment.order_id, payment.customer_id) == (order.order_id, order.customer_id)
    assert payment.amount == order.amount
    assert payment.reason == ""


@pytest.mark.parametrize(
    ("card", "decline_code"),
    [
        ("declined", "card_declined"),
        ("insufficient_funds", "insufficient_funds"),
        ("expired", "expired_card"),
        ("of_nobody", "unknown_token"),
    ],
)
def test_a_refused_card_is_declined_with_its_code(
    payments: Payments, order: Order, card: str, decline_code: str
) -> None:
    said = refused(lambda: payments.charge(order, card))
    assert said.short == ("FAILED_PRECONDITION", "PAYMENT_DECLINED")
    assert said.metadata["decline_code"] == decline_code
    payment = payments.get(order)
    assert (state_of(payment), payment.reason) == ("DECLINED", "PAYMENT_DECLINED")


@pytest.mark.parametrize("card", ["slow", "reply_lost", "fails_twice"])
def test_a_processor_in_trouble_charges_in_the_end(payments: Payments, order: Order, card: str) -> None:
    answer = tried(lambda: payments.charge(order, card))
    assert answer in ("CHARGED", "PAYMENT_UNKNOWN")
    wait_for(lambda: payments.state(order) == "CHARGED", "the charge's outcome")
    assert state_of(payments.charge(order, card)) == "CHARGED"


def test_a_caller_who_waits_too_shortly_can_ask_again(payments: Payments, order: Order) -> None:
    said = refused(lambda: payments.charge(order, "slow", seconds=0.7))
    assert said.short == ("UNAVAILABLE", "PAYMENT_UNKNOWN") or said.code == "DEADLINE_EXCEEDED"
    assert state_of(payments.charge(order, "slow")) == "CHARGED"


def test_a_repeated_charge_gets_the_first_answer(payments: Payments, order: Order) -> None:
    first = payments.charge(order)
    assert payments.charge(order) == first


def test_a_repeated_charge_of_a_refused_card_is_refused_again(payments: Payments, order: Order) -> None:
    first = refused(lambda: payments.charge(order, "declined"))
    again = refused(lambda: payments.charge(order, "declined"))
    assert (first.short, first.metadata) == (again.short, again.metadata)


def test_the_same_charge_in_parallel_is_one_charge(payments: Payments, order: Order) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: payments.charge(order, "slow"), range(8)))
    assert [state_of(answer) for answer in answers] == ["CHARGED"] * 8
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1


def test_the_same_order_for_another_amount_is_refused(payments: Payments, order: Order) -> None:
    payments.charge(order)
    dearer = Order(order.order_id, order.customer_id, Money(currency_code="EUR", units=43))
    said = refused(lambda: payments.charge(dearer))
    assert said.short == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")
    assert payments.get(order).amount == order.amount


def test_a_cancel_that_comes_first_wins(payments: Payments, order: Order) -> None:
    assert state_of(payments.cancel(order)) == "VOIDED"
    said = refused(lambda: payments.charge(order))
    assert said.short == ("FAILED_PRECONDITION", "PAYMENT_CANCELLED")
    assert said.metadata["cancel_reason"] == CANCELLED
    payment = payments.get(order)
    assert (state_of(payment), payment.reason) == ("VOIDED", CANCELLED)


def test_a_cancel_after_the_charge_is_refused(payments: Payments, order: Order) -> None:
    payments.charge(order)
    said = refused(lambda: payments.cancel(order))
    assert said.short == ("FAILED_PRECONDITION", "ORDER_NOT_CANCELLABLE")
    assert payments.state(order) == "CHARGED"


def test_a_repeated_cancel_gets_the_first_answer_and_its_reason(payments: Payments, order: Order) -> None:
    payments.cancel(order, "TIMED_OUT")
    again = payments.cancel(order, CANCELLED)
    assert (state_of(again), again.reason) == ("VOIDED", "TIMED_OUT")


def test_a_cancel_of_a_declined_payment_says_declined(payments: Payments, order: Order) -> None:
    refused(lambda: payments.charge(order, "declined"))
    assert state_of(payments.cancel(order)) == "DECLINED"


def test_a_cancel_during_the_charge_leaves_no_money_moved(payments: Payments, order: Order) -> None:
    with ThreadPoolExecutor(1) as pool:
        charging = pool.submit(tried, partial(payments.charge, order, "slow"))
        wait_for(lambda: tried(lambda: payments.get(order)) == "CHARGING", "the charge to begin")
        promised = payments.cancel(order)
        assert promised.cancel_requested or state_of(promised) in ("VOIDED", "REFUNDED")
        assert charging.result() in ("PAYMENT_CANCELLED", "PAYMENT_UNKNOWN")
    wait_for(lambda: payments.state(order) in ("VOIDED", "REFUNDED"), "the cancel to take effect")
    assert payments.get(order).reason == CANCELLED


def test_charge_and_cancel_in_parallel_have_one_winner(payments: Payments) -> None:
    orders = [Order() for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        charges = [pool.submit(tried, partial(payments.charge, order)) for order in orders]
        cancels = [pool.submit(tried, partial(payments.cancel, order)) for order in orders]
    for order, charge, cancel in zip(orders, charges, cancels, strict=True):
        state = outcome(payments, order)
        if state == "CHARGED":
            assert (charge.result(), cancel.result()) == ("CHARGED", "ORDER_NOT_CANCELLABLE")
        else:
            assert state in ("VOIDED", "REFUNDED")
            assert charge.result() in ("PAYMENT_CANCELLED", "PAYMENT_UNKNOWN")
            assert cancel.result() in ("VOIDED", "REFUNDED", "CHARGING")


def test_an_authorised_card_is_captured_once(payments: Payments, order: Order) -> None:
    authorized = payments.authorize(order)
    assert (state_of(authorized), authorized.amount) == ("AUTHORIZED", order.amount)
    assert payments.authorize(order) == authorized
    captured = payments.capture(order)
    assert (state_of(captured), captured.amount) == ("CHARGED", order.amount)
    assert payments.capture(order) == captured
    assert refused(lambda: payments.cancel(order)).reason == "ORDER_NOT_CANCELLABLE"


@pytest.mark.parametrize("at", ["", "capture_"])
@pytest.mark.parametrize("card", ["slow", "reply_lost", "fails_twice"])
def test_a_processor_in_trouble_authorises_and_captures_in_the_end(
    payments: Payments, order: Order, card: str, at: str
) -> None:
    assert tried(lambda: payments.authorize(order, at + card)) in ("AUTHORIZED", "PAYMENT_UNKNOWN")
    wait_for(lambda: payments.state(order) == "AUTHORIZED", "the authorisation's outcome")
    assert tried(lambda: payments.capture(order)) in ("CHARGED", "PAYMENT_UNKNOWN")
    assert outcome(payments, order) == "CHARGED"


def test_a_refused_card_is_not_authorised_and_not_captured(payments: Payments, order: Order) -> None:
    for late in (lambda: payments.authorize(order, "expired"), lambda: payments.capture(order)):
        said = refused(late)
        assert said.short == ("FAILED_PRECONDITION", "PAYMENT_DECLINED")
        assert said.metadata["decline_code"] == "expired_card"


def test_an_authorisation_that_is_cancelled_is_void_and_never_captured(
    payments: Payments, order: Order
) -> None:
    payments.authorize(order)
    promised = payments.cancel(order)
    assert state_of(promised) == "VOIDED" or promised.cancel_requested
    assert refused(lambda: payments.capture(order)).short == ("FAILED_PRECONDITION", "PAYMENT_CANCELLED")
    assert outcome(payments, order) == "VOIDED"
    assert payments.get(order).reason == CANCELLED


def test_nothing_is_captured_before_it_is_authorised(payments: Payments, order: Order) -> None:
    said = refused(lambda: payments.capture(order))
    assert said.short == ("FAILED_PRECONDITION", "PAYMENT_NOT_AUTHORIZED")
    assert state_of(payments.authorize(order)) == "AUTHORIZED"


def test_an_order_is_paid_in_one_way_only(payments: Payments, order: Order) -> None:
    authorized = Order()
    payments.charge(order)
    payments.authorize(authorized)
    for second in (
        partial(payments.authorize, order),
        partial(payments.capture, order),
        partial(payments.charge, authorized),
    ):
        assert refused(second).short == ("FAILED_PRECONDITION", "PAYMENT_KIND_MISMATCH")
    assert (payments.state(order), payments.state(authorized)) == ("CHARGED", "AUTHORIZED")


def test_capture_and_cancel_in_parallel_have_one_winner(payments: Payments) -> None:
    orders = [Order() for _ in range(20)]
    for order in orders:
        payments.authorize(order)
    with ThreadPoolExecutor(8) as pool:
        captures = [pool.submit(tried, partial(payments.capture, order)) for order in orders]
        cancels = [pool.submit(tried, partial(payments.cancel, order)) for order in orders]
    for order, capture, cancel in zip(orders, captures, cancels, strict=True):
        state = outcome(payments, order)
        if state == "CHARGED":
            assert (capture.result(), cancel.result()) == ("CHARGED", "ORDER_NOT_CANCELLABLE")
        else:
            assert state in ("VOIDED", "REFUNDED")
            assert capture.result() in ("PAYMENT_CANCELLED", "PAYMENT_UNKNOWN")
            assert cancel.result() in ("VOIDED", "REFUNDED", "AUTHORIZED", "CAPTURING")


def test_the_owner_reads_the_payment_and_nobody_else(payments: Payments, customer: Customer) -> None:
    own, foreign, unknown = Order(customer_id=customer.user_id), Order(), Order()
    payments.charge(own)
    payments.charge(foreign)
    assert payments.get(own, customer.metadata).amount == own.amount
    said = [refused(partial(payments.get, order, customer.metadata)) for order in (foreign, unknown)]
    assert said[0].short == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "amount",
    [
        Money(currency_code="EUR"),
        Money(currency_code="EUR", units=-1),
        Money(currency_code="EUR", units=1, nanos=1),
        Money(currency_code="eur", units=1),
        Money(units=1),
        Money(currency_code="EUR", units=2**62),
    ],
    ids=["nothing", "negative", "below a cent", "lower case", "no currency", "too much"],
)
def test_an_amount_that_is_no_money_is_refused(payments: Payments, amount: Money) -> None:
    said = refused(lambda: payments.charge(Order(amount=amount)))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "MONEY_INVALID", ("amount",))


def test_the_owner_reads_several_payments_at_once_and_nobody_elses(
    payments: Payments, customer: Customer
) -> None:
    mine, foreign = Order(customer_id=customer.user_id), Order()
    payments.charge(mine)
    payments.charge(foreign)
    both = {mine.order_id, foreign.order_id}
    request = pb.BatchGetPaymentsRequest(order_ids=[*both, str(uuid.uuid4())])
    for caller, expected in ((customer.metadata, {mine.order_id}), (payments.operator, both)):
        found = payments.stub.BatchGetPayments(request, metadata=caller, timeout=SECONDS).payments
        assert {payment.order_id for payment in found} == expected
