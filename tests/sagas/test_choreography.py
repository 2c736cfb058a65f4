"""The choreographed saga: answers, repeats, races of cancel, charge and expiry, against the running suite."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import paused, restart, stopped, wait_for, wait_until_nothing_is_open
from tests.harness.customer import Answer, Customer
from tests.harness.records import records

pytestmark = [pytest.mark.suite, pytest.mark.timeout(180)]

BY_EVENT = orders_pb2.COORDINATION_CHOREOGRAPHY
PENDING = orders_pb2.ORDER_STATE_PENDING
CONFIRMED = orders_pb2.ORDER_STATE_CONFIRMED
CANCELLED = orders_pb2.ORDER_STATE_CANCELLED


def end_of(customer: Customer, order_id: str) -> tuple[int, str]:
    """The order's last state and its reason, when it has come to its end."""
    last = customer.history(order_id)[-1]
    return last.state, last.reason


def test_the_answer_is_the_accepted_order_and_its_outcome_follows(customer: Customer) -> None:
    answer = customer.place(coordination=BY_EVENT)
    assert answer.order is not None
    assert (answer.code, answer.order.coordination) == ("OK", BY_EVENT)
    assert answer.order.coordination_reason == "the caller asked for it"
    history = customer.history(answer.order_id)
    assert [(status.version, status.state) for status in history] == [(1, PENDING), (2, CONFIRMED)]
    assert customer.get(answer.order_id).version == 2


def test_a_caller_may_wait_for_the_outcome(customer: Customer) -> None:
    final = orders_pb2.WAIT_FINAL
    confirmed = customer.place(coordination=BY_EVENT, wait=final)
    assert confirmed.order is not None
    assert confirmed.order.state == CONFIRMED
    refused = customer.place(coordination=BY_EVENT, wait=final, card="declined")
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "PAYMENT_DECLINED")
    assert customer.get(refused.order_id).state == CANCELLED
    soldout = customer.place(coordination=BY_EVENT, wait=final, sku="CLOCK-SOLDOUT")
    assert (soldout.code, soldout.reason) == ("FAILED_PRECONDITION", "OUT_OF_STOCK")


def test_a_caller_who_waits_in_vain_is_told_how_the_order_stands(suite: Suite, customer: Customer) -> None:
    with stopped(suite, "payments"):
        answer = customer.place(coordination=BY_EVENT, wait=orders_pb2.WAIT_FINAL, seconds=1.5)
        assert answer.order is not None
        assert (answer.code, answer.order.state) == ("OK", PENDING)
    assert end_of(customer, answer.order_id) == (CONFIRMED, "")


def test_the_same_request_is_one_order_and_a_repeat_shows_how_it_stands(
    suite: Suite, customer: Customer
) -> None:
    request_id = str(uuid.uuid4())

    def place(_: int = 0) -> Answer:
        return customer.place(coordination=BY_EVENT, request_id=request_id, card="declined")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(place, range(8)))
    assert {(answer.code, answer.order_id) for answer in answers} == {("OK", answers[0].order_id)}
    assert end_of(customer, answers[0].order_id) == (CANCELLED, "PAYMENT_DECLINED")
    again = place()
    assert again.order is not None
    assert (again.code, again.order.state) == ("OK", CANCELLED)
    assert len(customer.all_orders()) == 1
    assert wait_until_nothing_is_open(suite).violations == []


def test_the_customer_gets_a_receipt_and_a_confirmation_once_each(suite: Suite, customer: Customer) -> None:
    order_id = customer.place(coordination=BY_EVENT).order_id
    assert wait_until_nothing_is_open(suite).violations == []
    inbox = suite.directory / "mail" / "inbox" / "new"
    mails = [text for text in (path.read_text() for path in inbox.iterdir()) if order_id in text]
    subjects = [line for text in mails for line in text.splitlines() if line.startswith("Subject:")]
    assert sorted(subjects) == ["Subject: We have received your order", "Subject: Your order is confirmed"]


def test_a_cancel_before_the_charge_wins_and_the_client_sees_it_asked_for(
    suite: Suite, customer: Customer
) -> None:
    with stopped(suite, "payments"):
        order_id = customer.place(coordination=BY_EVENT).order_id
        asked = customer.cancel(order_id)
        assert asked.order is not None
        assert (asked.order.state, asked.order.cancel_requested) == (PENDING, True)
    states = [(status.state, status.cancel_requested) for status in customer.history(order_id)]
    assert states[:2] == [(PENDING, False), (PENDING, True)]
    end, reason = end_of(customer, order_id)
    # payments hears of the order, the reservation and the cancel at once: who comes first wins
    assert (end, reason) in [(CANCELLED, "CANCELLED_BY_CUSTOMER"), (CONFIRMED, "")]
    assert wait_until_nothing_is_open(suite).violations == []


def test_a_cancel_with_inventory_down_cancels_an_order_that_was_never_reserved(
    suite: Suite, customer: Customer
) -> None:
    with stopped(suite, "inventory"):
        order_id = customer.place(coordination=BY_EVENT).order_id
        customer.cancel(order_id)
    assert end_of(customer, order_id) == (CANCELLED, "CANCELLED_BY_CUSTOMER")
    assert wait_until_nothing_is_open(suite).violations == []


def test_a_cancel_while_the_charge_is_under_way_pays_back_or_comes_too_late(
    suite: Suite, customer: Customer
) -> None:
    order_id = customer.place(coordination=BY_EVENT, card="slow").order_id
    answer = customer.cancel(order_id)
    end, reason = end_of(customer, order_id)
    if end == CANCELLED:
        assert (answer.code, reason) == ("OK", "CANCELLED_BY_CUSTOMER")
    else:
        assert answer.reason == "ORDER_NOT_CANCELLABLE"
    assert wait_until_nothing_is_open(suite).violations == []


def test_cancels_thrown_at_many_orders_leave_no_money_or_stock_astray(
    suite: Suite, customer: Customer
) -> None:
    def place_and_cancel(number: int) -> str:
        card = ("approved", "slow", "fails_twice")[number % 3]
        order_id = customer.place(coordination=BY_EVENT, card=card).order_id
        customer.cancel(order_id)
        return order_id

    with ThreadPoolExecutor(8) as pool:
        ordered = list(pool.map(place_and_cancel, range(24)))
    found = wait_until_nothing_is_open(suite)
    assert found.violations == []
    ends = {customer.get(order_id).state for order_id in ordered}
    assert ends <= {CONFIRMED, CANCELLED}


def test_a_confirmed_order_cannot_be_cancelled(customer: Customer) -> None:
    order_id = customer.place(coordination=BY_EVENT, wait=orders_pb2.WAIT_FINAL).order_id
    answer = customer.cancel(order_id)
    assert (answer.code, answer.reason) == ("FAILED_PRECONDITION", "ORDER_NOT_CANCELLABLE")


@pytest.mark.usefixtures("short_hold")
def test_an_order_that_takes_too_long_is_cancelled_by_its_expired_hold(
    suite: Suite, customer: Customer
) -> None:
    with stopped(suite, "processor"):  # the charge stays open, and the expiry is remembered
        order_id = customer.place(coordination=BY_EVENT).order_id
        wait_for(lambda: expiry_is_heard(suite, order_id), "payments to hear of the expiry")
        assert customer.get(order_id).state == PENDING
    assert end_of(customer, order_id) == (CANCELLED, "RESERVATION_EXPIRED")
    assert wait_until_nothing_is_open(suite).violations == []


def expiry_is_heard(suite: Suite, order_id: str) -> bool:
    payments = records(
        suite, "payments", "select cancel_requested, state from payments where order_id = $1", order_id
    )
    return any(row["cancel_requested"] or row["state"] == "VOIDED" for row in payments)


@pytest.mark.usefixtures("short_hold")
def test_an_expiry_that_races_the_charge_has_one_winner(suite: Suite, customer: Customer) -> None:
    with ThreadPoolExecutor(6) as pool:
        cards = ("approved", "slow", "reply_lost") * 4
        ordered = list(
            pool.map(lambda card: customer.place(coordination=BY_EVENT, card=card).order_id, cards)
        )
    assert wait_until_nothing_is_open(suite).violations == []
    ends = {end_of(customer, order_id) for order_id in ordered}
    assert ends <= {(CONFIRMED, ""), (CANCELLED, "RESERVATION_EXPIRED")}


def test_a_watcher_resumes_without_gap_or_repeat_while_orders_restarts(
    suite: Suite, customer: Customer
) -> None:
    with stopped(suite, "payments"):
        order_id = customer.place(coordination=BY_EVENT).order_id
        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(customer.watch, order_id)
            wait_for(lambda: bool(customer.seen), "the watcher to see the first version")
            restart(suite, "orders")
            assert watching.result() == "DRAINING"
    assert [status.version for status in customer.history(order_id, after_version=1)] == [2]


def test_forty_orders_for_the_last_pieces_sell_no_piece_twice(suite: Suite, customer: Customer) -> None:
    (stock,) = records(suite, "inventory", "select on_hand from stock where sku = $1", "LAMP-RARE")
    with ThreadPoolExecutor(8) as pool:
        placed = list(
            pool.map(
                lambda _: customer.place(coordination=BY_EVENT, sku="LAMP-RARE", card="declined"), range(40)
            )
        )
    found = wait_until_nothing_is_open(suite)
    assert found.violations == []
    reasons = {customer.get(answer.order_id).reason for answer in placed}
    assert reasons <= {"OUT_OF_STOCK", "PAYMENT_DECLINED"}
    (after,) = records(suite, "inventory", "select on_hand from stock where sku = $1", "LAMP-RARE")
    assert after == stock


def test_orders_go_on_while_a_participant_stands_still(suite: Suite, customer: Customer) -> None:
    with paused(suite, "payments", seconds=3.0):
        order_ids = [customer.place(coordination=BY_EVENT).order_id for _ in range(5)]
    assert {end_of(customer, order_id) for order_id in order_ids} == {(CONFIRMED, "")}
    assert wait_until_nothing_is_open(suite).violations == []
