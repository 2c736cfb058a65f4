"""The event backbone under faults: a killed broker, rewound offsets, groups that grow and shrink."""

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import RECOVERY_SECONDS, wait_for, wait_until_nothing_is_open
from tests.harness.customer import Answer, Customer
from tests.harness.instance import second_instance
from tests.harness.records import records
from tests.harness.topics import behind, members, rewind

pytestmark = [pytest.mark.suite, pytest.mark.timeout(240)]

BY_EVENT = orders_pb2.COORDINATION_CHOREOGRAPHY
CONFIRMED = orders_pb2.ORDER_STATE_CONFIRMED
CARDS = ("approved", "declined", "approved", "reply_lost")
PACE = 0.15  # seconds between two orders of one of the two customers: what a laptop works off easily
CONSUMERS = ("orders", "inventory", "payments", "notifications")
STATE = {
    "orders": (
        "select order_id, state, version, reason, cancel_requested from orders order by order_id",
        "select order_id, version, state, reason from order_history order by order_id, version",
    ),
    "inventory": (
        "select order_id, state, version from reservations order by order_id",
        "select * from stock order by sku",
    ),
    "payments": ("select order_id, state, version, reason, decline_code from payments order by order_id",),
    "processor": ("select key, kind, amount_minor from entries order by entry_id",),
    "notifications": ("select notification_id, state from notifications order by notification_id",),
}


@contextmanager
def load(customer: Customer, orders: int = 60) -> Iterator[list[Answer]]:
    """Orders are placed by event while the block runs, so many at least."""
    answers: list[Answer] = []
    stopping = threading.Event()

    def keep_ordering() -> None:
        while not stopping.wait(PACE) or len(answers) < orders:
            answers.append(customer.place(coordination=BY_EVENT, card=CARDS[len(answers) % len(CARDS)]))

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(keep_ordering) for _ in range(2)]
        try:
            yield answers
        finally:
            stopping.set()
        for done in working:
            done.result()


def digest(suite: Suite) -> str:
    """A digest of what all services hold of orders, money, stock and messages."""
    found = [records(suite, service, query) for service, queries in STATE.items() for query in queries]
    return hashlib.sha256(json.dumps(found, default=str).encode()).hexdigest()


def test_a_broker_that_is_killed_under_load_delays_and_loses_nothing(
    suite: Suite, customer: Customer
) -> None:
    with load(customer) as answers:
        wait_for(lambda: len(answers) > 10, "some orders to be placed")
        suite.kill("kafka")
        seen = len(answers)
        wait_for(lambda: len(answers) > seen + 10, "orders to be accepted without a broker")
        suite.wait_ready("kafka", RECOVERY_SECONDS)
    assert {answer.code for answer in answers} == {"OK"}
    assert wait_until_nothing_is_open(suite).violations == []


def test_offsets_set_back_to_zero_change_nothing(suite: Suite, customer: Customer) -> None:
    with load(customer, orders=12):
        pass
    assert wait_until_nothing_is_open(suite).violations == []
    before = digest(suite)
    for consumer in CONSUMERS:
        suite.stop(consumer)
    try:
        for consumer in CONSUMERS:
            wait_for(lambda name=consumer: members(suite, name) == 0, f"{consumer} to leave its group")  # type: ignore[misc]
            rewind(suite, consumer)
            assert behind(suite, consumer) > 0
    finally:
        for consumer in CONSUMERS:
            suite.start(consumer)
            suite.wait_ready(consumer, RECOVERY_SECONDS)
    for consumer in CONSUMERS:
        wait_for(lambda name=consumer: behind(suite, name) == 0, f"{consumer} to read all again")  # type: ignore[misc]
    assert digest(suite) == before
    assert wait_until_nothing_is_open(suite).violations == []


@pytest.mark.parametrize("part", ["inventory", "payments"])
def test_a_group_that_grows_and_shrinks_under_load_applies_each_event_once(
    suite: Suite, customer: Customer, part: str
) -> None:
    with load(customer) as answers:
        with second_instance(suite, part):
            wait_for(lambda: members(suite, part) == 2, "the group to have two members")
            seen = len(answers)
            wait_for(lambda: len(answers) > seen + 10, "orders to be placed with two members")
        wait_for(lambda: members(suite, part) == 1, "the group to have one member again")
        with second_instance(suite, part) as killed:
            wait_for(lambda: members(suite, part) == 2, "the group to have two members")
            killed.kill()
    assert wait_until_nothing_is_open(suite).violations == []
    ends = {customer.get(answer.order_id).state for answer in answers[:100]}
    assert CONFIRMED in ends


def test_an_order_that_nobody_could_be_told_of_is_told_when_the_broker_is_back(
    suite: Suite, customer: Customer
) -> None:
    suite.stop("kafka")
    try:
        placed = [customer.place(coordination=BY_EVENT) for _ in range(5)]
        assert {answer.code for answer in placed} == {"OK"}
        waiting = records(suite, "orders", "select count(*) as count from outbox where sent_time is null")
        assert waiting[0]["count"] >= 5
    finally:
        suite.start("kafka")
        suite.wait_ready("kafka", RECOVERY_SECONDS)
    for answer in placed:
        assert customer.history(answer.order_id)[-1].state == CONFIRMED
    assert wait_until_nothing_is_open(suite).violations == []
