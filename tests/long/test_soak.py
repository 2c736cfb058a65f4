"""Longer runs, by `make test-long`: parts are killed at random under load, and nothing goes astray."""

import math
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import pytest

from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import RECOVERY_SECONDS, restart, wait_for, wait_until_nothing_is_open
from tests.harness.customer import Answer, Customer
from tests.harness.fault_proxy import fault_proxy

pytestmark = [pytest.mark.suite, pytest.mark.long, pytest.mark.timeout(900)]

VICTIMS = (
    "orders",
    "inventory",
    "payments",
    "processor",
    "products",
    "notifications",
    "users",
    "analytics",
    "postgres",
    "kafka",
)
MODES = (orders_pb2.COORDINATION_SYNC, orders_pb2.COORDINATION_CHOREOGRAPHY)
CARDS = ("approved", "approved", "approved", "declined", "reply_lost", "fails_twice", "slow")
SOAK_SECONDS = 120.0
KILL_EVERY = 3.0
FINAL = (orders_pb2.ORDER_STATE_CONFIRMED, orders_pb2.ORDER_STATE_CANCELLED)


def persist(customer: Customer, card: str, mode: orders_pb2.Coordination.ValueType, until: float) -> Answer:
    """Repeat one request with its request_id until it is decided, or accepted, as a good client does."""
    request_id = str(uuid.uuid4())
    while True:
        answer = customer.place(card=card, request_id=request_id, seconds=5, coordination=mode)
        decided = answer.code in ("OK", "FAILED_PRECONDITION")
        if decided or time.monotonic() > until:
            return answer


def test_random_kills_under_load_leave_no_money_or_stock_astray(
    suite: Suite, edge: grpc.Channel, customer: Customer
) -> None:
    chance = random.Random(20261123)  # noqa: S311 - a repeatable choice of victims
    stop = threading.Event()
    killed: list[str] = []

    def kill_now_and_then() -> None:
        while not stop.wait(KILL_EVERY):
            victim = chance.choice(VICTIMS)
            if suite.pid(victim):
                suite.kill(victim)
                killed.append(victim)

    end = time.monotonic() + SOAK_SECONDS
    answers: list[Answer] = []

    def keep_ordering(seed: int) -> None:
        chosen = random.Random(seed)  # noqa: S311 - a repeatable choice of cards
        while time.monotonic() < end:
            card, mode = chosen.choice(CARDS), chosen.choice(MODES)
            answers.append(persist(customer, card, mode, end + RECOVERY_SECONDS))

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep_ordering, range(4)))
    stop.set()
    killer.join()
    for part in VICTIMS:
        suite.wait_ready(part, RECOVERY_SECONDS)
    found = wait_until_nothing_is_open(suite)
    print(f"{len(answers)} requests, {len(killed)} kills: {sorted(set(killed))}; orders {found.counts}")
    assert found.violations == []
    assert len(killed) > SOAK_SECONDS / KILL_EVERY / 2
    undecided = [answer for answer in answers if answer.code not in ("OK", "FAILED_PRECONDITION")]
    assert undecided == []
    confirmed = [answer.order_id for answer in answers if answer.code == "OK"]
    assert len(confirmed) == len(set(confirmed))


def test_availability_of_three_hops_at_half_a_percent(suite: Suite, customer: Customer) -> None:
    """Reports the share that succeeds with its 95 % interval; fails if the truth is not inside 4 sigma."""
    orders, hops = 2000, ("products", "inventory", "payments")
    before = suite.overrides("orders")
    with ExitStack() as stack:
        proxies = {hop: stack.enter_context(fault_proxy(hop, suite.address(hop))) for hop in hops}
        for _, fault in proxies.values():
            fault.refuse_share = 0.005
        addresses = {f"ORDERS_{hop.upper()}_ADDRESS": address for hop, (address, _) in proxies.items()}
        suite.override("orders", {**before, **addresses})
        restart(suite, "orders")
        try:
            with ThreadPoolExecutor(6) as pool:
                answers = list(pool.map(lambda _: customer.place(), range(orders)))
        finally:
            suite.override("orders", before)
            restart(suite, "orders")
    share = sum(answer.code == "OK" for answer in answers) / orders
    half = 1.96 * math.sqrt(share * (1 - share) / orders)
    expected = 0.995**3
    print(f"{share:.2%} of {orders} chains succeeded (95 %: {share - half:.2%} to {share + half:.2%})")
    print(f"the product of three hops at 99.5 % is {expected:.2%}")
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / orders)
    wait_for(lambda: suite.health("orders") is None, "orders to be healthy")
    assert wait_until_nothing_is_open(suite).violations == []
