"""Orders under way while Temporal or the worker stops, dies and comes back; what Temporal shows of them."""

import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from ordermesh.sagas.v1.workflows_pb2 import SagaPhase, SagaState, SagaStepStatus
from tests.harness.breaking import (
    RECOVERY_SECONDS,
    restart,
    stopped,
    wait_for,
    wait_until_nothing_is_open,
)
from tests.harness.customer import Answer, Customer
from tests.harness.records import records
from tests.harness.workflows import (
    COMPLETED,
    attempts,
    ended,
    history,
    listed,
    state,
    wait_until_no_workflow_runs,
    waits_for,
)

pytestmark = [pytest.mark.suite, pytest.mark.timeout(240)]

BY_WORKFLOW = orders_pb2.COORDINATION_ORCHESTRATION
PENDING = orders_pb2.ORDER_STATE_PENDING
CONFIRMED = orders_pb2.ORDER_STATE_CONFIRMED
CANCELLED = orders_pb2.ORDER_STATE_CANCELLED
CARDS = ("approved", "reply_lost", "declined", "slow", "fails_twice")
ENDS = {"declined": (CANCELLED, "PAYMENT_DECLINED")}
PACE = 0.4  # seconds between two orders of one of the two customers: what a busy machine works off, too


@contextmanager
def load(customer: Customer, orders: int = 20) -> Iterator[list[tuple[str, Answer]]]:
    """Orders are placed while the block runs, so many at least; yields (card, answer) of each."""
    placed: list[tuple[str, Answer]] = []
    stopping = threading.Event()

    def keep_ordering() -> None:
        while not stopping.wait(PACE) or len(placed) < orders:
            card = CARDS[len(placed) % len(CARDS)]
            placed.append((card, customer.place(coordination=BY_WORKFLOW, card=card)))

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(keep_ordering) for _ in range(2)]
        try:
            yield placed
        finally:
            stopping.set()
        for done in working:
            done.result()


def assert_each_has_its_end(suite: Suite, customer: Customer, placed: list[tuple[str, Answer]]) -> None:
    """Every order was accepted and ended as its card says, whatever was broken; all adds up."""
    assert {answer.code for _, answer in placed} == {"OK"}
    assert wait_until_nothing_is_open(suite).violations == []
    wait_until_no_workflow_runs(suite)
    for card, answer in placed:
        order = customer.get(answer.order_id)
        assert (order.state, order.reason) == ENDS.get(card, (CONFIRMED, "")), card
        assert ended(suite, answer.order_id)[0] == COMPLETED


def some_more(placed: list[tuple[str, Answer]], count: int = 5) -> None:
    seen = len(placed)
    wait_for(lambda: len(placed) >= seen + count, "more orders to be placed")


@pytest.mark.parametrize("part", ["temporal", "worker"])
def test_orders_are_accepted_while_a_part_is_away_and_end_when_it_is_back(
    suite: Suite, customer: Customer, part: str
) -> None:
    with load(customer) as placed:
        some_more(placed)
        with stopped(suite, part):
            some_more(placed, 10)
            waiting = [customer.place(coordination=BY_WORKFLOW) for _ in range(2)]
            assert {(answer.code, answer.order and answer.order.state) for answer in waiting} == {
                ("OK", PENDING)
            }
            waited = "select count(*) as waiting from orchestrations where start_time is null"
            if part == "temporal":
                assert records(suite, "orders", waited)[0]["waiting"] >= 12
    assert_each_has_its_end(suite, customer, placed + [("approved", answer) for answer in waiting])


@pytest.mark.parametrize("part", ["temporal", "worker"])
def test_a_part_that_is_killed_under_load_delays_and_loses_nothing(
    suite: Suite, customer: Customer, part: str
) -> None:
    with load(customer) as placed:
        some_more(placed)
        suite.kill(part)
        some_more(placed)
        suite.wait_ready(part, RECOVERY_SECONDS)
    assert_each_has_its_end(suite, customer, placed)


def test_a_worker_that_is_asked_to_stop_under_load_loses_nothing(suite: Suite, customer: Customer) -> None:
    """`make restart S=worker`, twice: what it had in its hands it finishes, or another one does."""
    with load(customer) as placed:
        for _ in range(2):
            some_more(placed)
            restart(suite, "worker")
        some_more(placed)
    assert_each_has_its_end(suite, customer, placed)


def test_a_worker_that_is_asked_to_stop_finishes_the_call_in_its_hands(
    suite: Suite, customer: Customer
) -> None:
    order_id = customer.place(coordination=BY_WORKFLOW, card="slow").order_id
    query = "select state from payments where order_id = $1"
    charging = [{"state": "CHARGING"}]
    wait_for(lambda: records(suite, "payments", query, order_id) == charging, "the charge to be under way")
    restart(suite, "worker")
    assert attempts(suite, order_id) == [1]
    assert_each_has_its_end(suite, customer, [("slow", Answer("OK", order=customer.get(order_id)))])


@pytest.mark.parametrize("away", ["inventory", "payments"])
def test_a_step_that_is_cut_off_by_the_worker_s_stop_is_done_again_and_not_refused(
    suite: Suite, customer: Customer, away: str
) -> None:
    """Nobody has decided against the step: the order must not be cancelled for it."""
    step = {"inventory": "reserve", "payments": "charge"}[away]
    with stopped(suite, away):
        order_id = customer.place(coordination=BY_WORKFLOW).order_id
        wait_for(lambda: waits_for(suite, order_id, step), f"the workflow to be at {step}")
        restart(suite, "worker")
    assert_each_has_its_end(suite, customer, [("approved", Answer("OK", order=customer.get(order_id)))])


def seen(found: SagaState) -> list[tuple[str, str]]:
    """The steps that were begun and how each one stands."""
    names = [(step.name, SagaStepStatus.Name(step.status)) for step in found.steps]
    return [(name, status.removeprefix("SAGA_STEP_STATUS_")) for name, status in names]


def test_the_query_shows_what_is_done_and_what_is_waited_for(suite: Suite, customer: Customer) -> None:
    with stopped(suite, "payments"):
        order_id = customer.place(coordination=BY_WORKFLOW).order_id
        wait_for(lambda: waits_for(suite, order_id, "charge"), "the workflow to be at charge")
        found = state(suite, order_id)
        assert seen(found) == [("reserve", "DONE"), ("charge", "RUNNING")]
        assert (found.order_id, found.phase) == (order_id, SagaPhase.SAGA_PHASE_FORWARD)
        assert found.steps[0].detail == "RESERVED"
        assert found.waiting_since == found.steps[1].since
        assert not found.cancel_requested
        customer.cancel(order_id)
        wait_for(lambda: waits_for(suite, order_id, "cancel-payment"), "the workflow to be at its undo")
        asked = state(suite, order_id)
        assert (asked.phase, asked.cancel_requested) == (SagaPhase.SAGA_PHASE_UNDOING, True)
        assert asked.reason == "CANCELLED_BY_CUSTOMER"
    wait_until_no_workflow_runs(suite)
    undone = state(suite, order_id)
    assert seen(undone) == [
        ("reserve", "DONE"),
        ("charge", "FAILED"),
        ("cancel-payment", "UNDONE"),
        ("release", "UNDONE"),
        ("close", "UNDONE"),
    ]
    assert (undone.phase, undone.waiting_for) == (SagaPhase.SAGA_PHASE_UNDONE, "")


def test_orders_are_found_by_what_they_can_be_searched_by(suite: Suite, customer: Customer) -> None:
    confirmed = customer.place(coordination=BY_WORKFLOW, quantity=3, wait=orders_pb2.WAIT_FINAL)
    refused = customer.place(coordination=BY_WORKFLOW, card="declined", wait=orders_pb2.WAIT_FINAL)
    assert confirmed.order is not None
    wait_until_no_workflow_runs(suite)
    mine = f"CustomerId = '{customer.user_id}' AND Coordination = 'ORCHESTRATION'"
    total = confirmed.order.total.units * 100 + confirmed.order.total.nanos // 10_000_000
    queries = {
        mine: {confirmed.order_id, refused.order_id},
        f"{mine} AND OrderState = 'CONFIRMED'": {confirmed.order_id},
        f"{mine} AND OrderState = 'CANCELLED'": {refused.order_id},
        f"{mine} AND OrderState = 'PENDING'": set(),
        f"{mine} AND OrderTotal = {total}": {confirmed.order_id},
        f"{mine} AND OrderTotal < {total}": {refused.order_id},
    }
    assert {query: {found.id for found in listed(suite, query)} for query in queries} == queries


def test_an_open_order_is_found_as_pending(suite: Suite, customer: Customer) -> None:
    with stopped(suite, "payments"):
        order_id = customer.place(coordination=BY_WORKFLOW, wait=orders_pb2.WAIT_STOCK_RESERVED).order_id
        query = f"CustomerId = '{customer.user_id}' AND OrderState = 'PENDING'"
        wait_for(lambda: [found.id for found in listed(suite, query)] == [order_id], "it to be listed")


@pytest.mark.parametrize("card", ["approved", "declined", "fails_twice"])
def test_no_means_of_payment_and_nothing_personal_stands_in_a_history(
    suite: Suite, customer: Customer, card: str
) -> None:
    """A history is kept for long, and shown to whoever may look at workflows."""
    answer = customer.place(coordination=BY_WORKFLOW, card=card, wait=orders_pb2.WAIT_FINAL)
    wait_until_no_workflow_runs(suite)
    kept = history(suite, answer.order_id)
    assert customer.user_id.encode() in kept  # it can be read, and ids may stand there
    for secret in ("tok_", customer.username, "example.com", "A Test"):
        assert secret.encode() not in kept, secret
    assert str(customer.metadata[0][1]).encode() not in kept


@pytest.mark.parametrize(
    ("port", "measured"),
    [
        ("worker_metrics", "temporal_workflow_completed"),
        ("temporal_metrics", "service_requests"),
    ],
)
def test_the_metrics_are_prometheus_text(suite: Suite, customer: Customer, port: str, measured: str) -> None:
    customer.place(coordination=BY_WORKFLOW, wait=orders_pb2.WAIT_FINAL)
    wait_until_no_workflow_runs(suite)
    with urllib.request.urlopen(f"http://{suite.address(port)}/metrics", timeout=10) as answer:
        assert answer.headers.get_content_type() == "text/plain"
        lines = answer.read().decode().splitlines()
    assert any(line.startswith("# TYPE ") for line in lines)
    values = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(measured)]
    assert sum(float(value) for value in values) > 0
