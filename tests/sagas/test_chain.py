"""What a synchronous chain costs: latencies add up, failures multiply, and giving up travels down."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import restart, wait_for, wait_until_nothing_is_open
from tests.harness.customer import Customer
from tests.harness.fault_proxy import Fault, fault_proxy

pytestmark = [pytest.mark.suite, pytest.mark.timeout(180)]

HOPS = ("products", "inventory", "payments")
ORDERS = 400


@pytest.fixture(scope="module")
def faults(suite: Suite) -> Iterator[dict[str, Fault]]:
    """Orders calls its peers through proxies, for the length of this module."""
    before = suite.overrides("orders")
    with ExitStack() as stack:
        proxies = {hop: stack.enter_context(fault_proxy(hop, suite.address(hop))) for hop in HOPS}
        addresses = {f"ORDERS_{hop.upper()}_ADDRESS": address for hop, (address, _) in proxies.items()}
        suite.override("orders", {**before, **addresses})
        try:
            restart(suite, "orders")
            yield {hop: fault for hop, (_, fault) in proxies.items()}
        finally:
            suite.override("orders", before)
            restart(suite, "orders")


@pytest.fixture(autouse=True)
def healthy_proxies(faults: dict[str, Fault]) -> Iterator[None]:
    yield
    for fault in faults.values():
        fault.delay_seconds = fault.refuse_share = 0.0


def test_the_client_waits_for_the_sum_of_the_calls(customer: Customer, faults: dict[str, Fault]) -> None:
    faults["inventory"].delay_seconds, faults["payments"].delay_seconds = 0.05, 0.2
    answer = customer.place()
    assert answer.code == "OK"
    assert answer.seconds >= 0.25


def test_commit_and_confirmation_do_not_make_the_client_wait(
    suite: Suite, customer: Customer, faults: dict[str, Fault]
) -> None:
    before = faults["inventory"].forwarded
    answer = customer.place()
    assert answer.order is not None
    assert faults["inventory"].forwarded - before <= 2  # the reservation; the commit may be under way
    wait_until_nothing_is_open(suite)
    assert faults["inventory"].forwarded - before == 2


def test_availability_is_the_product_of_the_hops(
    suite: Suite, customer: Customer, faults: dict[str, Fault]
) -> None:
    for fault in faults.values():
        fault.refuse_share = 0.05
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: customer.place(), range(ORDERS)))
    succeeded = sum(answer.code == "OK" for answer in answers) / ORDERS
    expected = 0.95**3
    spread = math.sqrt(expected * (1 - expected) / ORDERS)
    assert abs(succeeded - expected) < 4 * spread
    refused = [answer for answer in answers if answer.code != "OK"]
    assert {answer.details.get("dependency") for answer in refused} == set(HOPS)
    assert {answer.code for answer in refused} == {"UNAVAILABLE"}
    for fault in faults.values():
        fault.refuse_share = 0.0
    assert wait_until_nothing_is_open(suite).violations == []


def test_a_caller_who_gives_up_before_the_charge_stops_the_work_downstream(
    suite: Suite, customer: Customer, faults: dict[str, Fault]
) -> None:
    inventory, payments = faults["inventory"], faults["payments"]
    inventory.delay_seconds = 2.0
    before, charged = inventory.given_up, payments.forwarded
    answer = customer.place(seconds=0.5)
    assert answer.code == "DEADLINE_EXCEEDED" or answer.reason == "REQUEST_IN_PROGRESS"
    wait_for(lambda: inventory.given_up > before, "the call to inventory to be given up")
    inventory.delay_seconds = 0.0
    assert wait_until_nothing_is_open(suite).violations == []
    (order,) = customer.all_orders()
    assert (order.state, order.reason) == (orders_pb2.ORDER_STATE_CANCELLED, "CALLER_GAVE_UP")
    assert payments.forwarded == charged + 1  # the cancel, and no charge


def test_the_caller_s_deadline_is_passed_on(customer: Customer, faults: dict[str, Fault]) -> None:
    faults["products"].delay_seconds = 1.0
    answer = customer.place(seconds=0.4)
    assert answer.code in ("DEADLINE_EXCEEDED", "UNAVAILABLE")
    assert answer.seconds < 0.9
    assert customer.all_orders() == []
