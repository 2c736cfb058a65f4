"""The orchestrated saga: answers, repeats, cancels and expiry, against the running suite."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import (
    dies_at,
    paused,
    stopped,
    wait_for,
    wait_until_nothing_is_open,
)
from tests.harness.customer import Answer, Customer
from tests.harness.records import records
from tests.harness.workflows import COMPLETED, ended, listed, wait_until_no_workflow_runs, waits_for

pytestmark = [pytest.mark.suite, pytest.mark.timeout(180)]

BY_WORKFLOW = orders_pb2.COORDINATION_ORCHESTRATION
RESERVED, FINAL = orders_pb2.WAIT_STOCK_RESERVED, orders_pb2.WAIT_FINAL
PENDING = orders_pb2.ORDER_STATE_PENDING
CONFIRMED = orders_pb2.ORDER_STATE_CONFIRMED
CANCELLED = orders_pb2.ORDER_STATE_CANCELLED
BY_CUSTOMER = (CANCELLED, "CANCELLED_BY_CUSTOMER")


@pytest.fixture(autouse=True)
def adds_up(suite: Suite) -> Iterator[None]:
    """After each test every order and every workflow is at its end, and the auditor finds nothing wrong."""
    yield
    assert wait_until_nothing_is_open(suite).violations == []
    wait_until_no_workflow_runs(suite)


def end_of(customer: Customer, order_id: str) -> tuple[int, str]:
    """The order's last state and its reason, when it has come to its end."""
    last = customer.history(order_id)[-1]
    return last.state, last.reason


def stands(answer: Answer) -> tuple[str, int | None, bool | None]:
    """The code, and how the order stands in the answer."""
    order = answer.order
    return answer.code, order and order.state, order and order.cancel_requested


def reservation(suite: Suite, order_id: str) -> list[str]:
    query = "select state from reservations where order_id = $1"
    return [row["state"] for row in records(suite, "inventory", query, order_id)]


def signals(suite: Suite, order_id: str) -> list[bool]:
    """The wishes to cancel that the order's workflow is to hear: whether each one was sent."""
    query = "select send_time is not null as sent from signals where order_id = $1 order by create_time"
    return [row["sent"] for row in records(suite, "orders", query, order_id)]


@pytest.mark.parametrize("wait", [orders_pb2.WAIT_UNSPECIFIED, orders_pb2.WAIT_ACCEPTED])
def test_the_answer_is_the_accepted_order_and_its_outcome_follows(
    suite: Suite, customer: Customer, wait: orders_pb2.Wait.ValueType
) -> None:
    with stopped(suite, "inventory"):  # nothing can have happened yet
        answer = customer.place(coordination=BY_WORKFLOW, wait=wait)
        assert stands(answer) == ("OK", PENDING, False)
    assert answer.order is not None
    assert answer.order.coordination == BY_WORKFLOW
    assert answer.order.coordination_reason == "the caller asked for it"
    history = customer.history(answer.order_id)
    assert [(status.version, status.state) for status in history] == [(1, PENDING), (2, CONFIRMED)]


def test_a_caller_may_wait_for_the_reservation(suite: Suite, customer: Customer) -> None:
    with stopped(suite, "payments"):  # so that it comes no farther
        answer = customer.place(coordination=BY_WORKFLOW, wait=RESERVED)
        assert stands(answer) == ("OK", PENDING, False)
        assert reservation(suite, answer.order_id) == ["RESERVED"]
    assert end_of(customer, answer.order_id) == (CONFIRMED, "")
    soldout = customer.place(coordination=BY_WORKFLOW, wait=RESERVED, sku="CLOCK-SOLDOUT")
    assert (soldout.code, soldout.reason) == ("FAILED_PRECONDITION", "OUT_OF_STOCK")
    assert customer.get(soldout.order_id).state == CANCELLED


def test_a_caller_may_wait_for_the_outcome(customer: Customer) -> None:
    confirmed = customer.place(coordination=BY_WORKFLOW, wait=FINAL)
    assert stands(confirmed) == ("OK", CONFIRMED, False)
    refused = customer.place(coordination=BY_WORKFLOW, wait=FINAL, card="declined")
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "PAYMENT_DECLINED")
    assert customer.get(refused.order_id).state == CANCELLED
    soldout = customer.place(coordination=BY_WORKFLOW, wait=FINAL, sku="CLOCK-SOLDOUT")
    assert (soldout.code, soldout.reason) == ("FAILED_PRECONDITION", "OUT_OF_STOCK")


@pytest.mark.parametrize(
    ("wait", "away"),
    [(RESERVED, "inventory"), (FINAL, "payments"), (FINAL, "worker"), (FINAL, "temporal")],
)
def test_a_caller_who_waits_in_vain_is_told_how_the_order_stands(
    suite: Suite, customer: Customer, wait: orders_pb2.Wait.ValueType, away: str
) -> None:
    with stopped(suite, away):
        answer = customer.place(coordination=BY_WORKFLOW, wait=wait, seconds=2)
        assert stands(answer) == ("OK", PENDING, False)
    assert end_of(customer, answer.order_id) == (CONFIRMED, "")


@pytest.mark.parametrize("wait", [orders_pb2.WAIT_ACCEPTED, FINAL])
def test_the_same_request_is_one_order_and_one_workflow(
    suite: Suite, customer: Customer, wait: orders_pb2.Wait.ValueType
) -> None:
    request_id = str(uuid.uuid4())

    def place(_: int = 0) -> Answer:
        return customer.place(coordination=BY_WORKFLOW, request_id=request_id, card="declined", wait=wait)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(place, range(8)))
    code = "FAILED_PRECONDITION" if wait == FINAL else "OK"
    assert {(answer.code, answer.order_id) for answer in answers} == {(code, answers[0].order_id)}
    assert end_of(customer, answers[0].order_id) == (CANCELLED, "PAYMENT_DECLINED")
    again = place()
    assert (again.code, again.order_id) == (code, answers[0].order_id)
    assert len(customer.all_orders()) == 1
    wait_until_no_workflow_runs(suite)
    found = listed(suite, f"CustomerId = '{customer.user_id}'")
    assert [(one.id, one.status) for one in found] == [(answers[0].order_id, COMPLETED)]


def test_a_confirmed_order_cannot_be_cancelled(customer: Customer) -> None:
    order_id = customer.place(coordination=BY_WORKFLOW, wait=FINAL).order_id
    answer = customer.cancel(order_id)
    assert (answer.code, answer.reason) == ("FAILED_PRECONDITION", "ORDER_NOT_CANCELLABLE")


def test_a_cancelled_order_can_be_cancelled_again(customer: Customer) -> None:
    order_id = customer.place(coordination=BY_WORKFLOW, wait=FINAL, card="declined").order_id
    assert stands(customer.cancel(order_id)) == ("OK", CANCELLED, False)


@pytest.mark.parametrize(
    ("away", "step"), [("inventory", "reserve"), ("payments", "charge"), ("processor", "charge")]
)
def test_a_cancel_before_the_charge_wins_and_the_client_sees_it_asked_for(
    suite: Suite, customer: Customer, away: str, step: str
) -> None:
    with stopped(suite, away):
        order_id = customer.place(coordination=BY_WORKFLOW).order_id
        wait_for(lambda: waits_for(suite, order_id, step), f"the workflow to be at {step}")
        assert stands(customer.cancel(order_id)) == ("OK", PENDING, True)
    assert end_of(customer, order_id) == BY_CUSTOMER
    wait_until_no_workflow_runs(suite)
    assert ended(suite, order_id) == (COMPLETED, "CANCELLED")


def test_every_cancel_is_the_payments_decision(suite: Suite, customer: Customer) -> None:
    """Also one that comes before there is anything to pay: a charge that is late must find it there."""
    with stopped(suite, "inventory"):
        order_id = customer.place(coordination=BY_WORKFLOW).order_id
        wait_for(lambda: waits_for(suite, order_id, "reserve"), "the workflow to be at reserve")
        customer.cancel(order_id)
    assert end_of(customer, order_id) == BY_CUSTOMER
    query = "select state, reason from payments where order_id = $1"
    assert records(suite, "payments", query, order_id) == [
        {"state": "VOIDED", "reason": "CANCELLED_BY_CUSTOMER"}
    ]
    assert reservation(suite, order_id) == ["RELEASED"]


@pytest.mark.parametrize("away", [("temporal",), ("worker",), ("worker", "temporal")])
def test_a_cancel_before_the_workflow_runs_is_recorded_and_takes_effect_when_it_can(
    suite: Suite, customer: Customer, away: tuple[str, ...]
) -> None:
    with ExitStack() as stack:
        for part in away:
            stack.enter_context(stopped(suite, part))  # what is stopped last comes back first
        order_id = customer.place(coordination=BY_WORKFLOW).order_id
        assert stands(customer.cancel(order_id)) == ("OK", PENDING, True)
        if "temporal" in away:
            assert signals(suite, order_id) == [False]
        else:
            wait_for(lambda: signals(suite, order_id) == [True], "the signal to be in the history")
    assert end_of(customer, order_id) == BY_CUSTOMER
    # a late start brings the wish along; its own row is told, and marked, when the sweeper comes to it
    wait_for(lambda: signals(suite, order_id) == [True], "the signal to be marked")
    assert records(suite, "processor", "select * from charges where key = $1", order_id) == []


def test_orders_that_dies_with_the_signal_given_gives_it_again(suite: Suite, customer: Customer) -> None:
    with stopped(suite, "payments"):
        order_id = customer.place(coordination=BY_WORKFLOW).order_id
        wait_for(lambda: waits_for(suite, order_id, "charge"), "the workflow to be at charge")
        with dies_at(suite, "orders", "orders.after_signal"):
            customer.cancel(order_id)
        wait_for(lambda: signals(suite, order_id) == [True], "the signal to be marked")
    assert end_of(customer, order_id) == BY_CUSTOMER


@pytest.mark.parametrize("card", ["approved", "slow", "declined"])
def test_a_cancel_while_the_charge_is_under_way_pays_back_or_comes_too_late(
    customer: Customer, card: str
) -> None:
    order_id = customer.place(coordination=BY_WORKFLOW, wait=RESERVED, card=card).order_id
    answer = customer.cancel(order_id)
    end, reason = end_of(customer, order_id)
    assert not customer.get(order_id).cancel_requested
    if end == CANCELLED:
        assert answer.code == "OK"
        assert reason == "CANCELLED_BY_CUSTOMER" or card == "declined"
    else:
        assert answer.reason == "ORDER_NOT_CANCELLABLE"


def test_cancels_thrown_at_many_orders_leave_no_money_or_stock_astray(customer: Customer) -> None:
    def place_and_cancel(number: int) -> tuple[str, str]:
        card = ("approved", "slow", "fails_twice", "reply_lost")[number % 4]
        wait = RESERVED if number % 3 else orders_pb2.WAIT_ACCEPTED
        order_id = customer.place(coordination=BY_WORKFLOW, card=card, wait=wait).order_id
        return order_id, customer.cancel(order_id).reason

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(place_and_cancel, range(32)))
    for order_id, reason in answers:
        assert end_of(customer, order_id) in [(CONFIRMED, ""), BY_CUSTOMER]
        if reason:
            assert (reason, end_of(customer, order_id)) == ("ORDER_NOT_CANCELLABLE", (CONFIRMED, ""))


def test_a_cancel_of_a_charge_that_stands_still_has_one_winner(suite: Suite, customer: Customer) -> None:
    """Payments is paused with the charge in its hands, so it finds charge and cancel at once."""
    with paused(suite, "payments", seconds=0):
        order_id = customer.place(coordination=BY_WORKFLOW, wait=RESERVED).order_id
        wait_for(lambda: waits_for(suite, order_id, "charge"), "the workflow to be at charge")
        assert stands(customer.cancel(order_id)) == ("OK", PENDING, True)
    assert end_of(customer, order_id) in [(CONFIRMED, ""), BY_CUSTOMER]


@pytest.mark.usefixtures("short_hold")
@pytest.mark.parametrize("away", ["payments", "processor"])
def test_an_order_that_takes_too_long_is_cancelled_by_its_expired_hold(
    suite: Suite, customer: Customer, away: str
) -> None:
    with stopped(suite, away):
        order_id = customer.place(coordination=BY_WORKFLOW).order_id
        step = "cancel-payment"
        wait_for(lambda: waits_for(suite, order_id, step), "the workflow to hear of the expiry")
        assert customer.get(order_id).state == PENDING
    assert end_of(customer, order_id) == (CANCELLED, "RESERVATION_EXPIRED")


@pytest.mark.usefixtures("short_hold")
def test_an_expiry_that_races_the_charge_has_one_winner(customer: Customer) -> None:
    with ThreadPoolExecutor(6) as pool:
        cards = ("approved", "slow", "reply_lost") * 4
        ordered = list(
            pool.map(lambda card: customer.place(coordination=BY_WORKFLOW, card=card).order_id, cards)
        )
    ends = {end_of(customer, order_id) for order_id in ordered}
    assert ends <= {(CONFIRMED, ""), (CANCELLED, "RESERVATION_EXPIRED")}
