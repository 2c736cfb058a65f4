"""A read model that was added later: it says what orders says, and can be built anew at any time."""

import asyncio
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import grpc
import pytest
from rich.console import Console

from kit.rebuild import begin_anew
from ops import rebuild
from ops.client import Metadata
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import dies_at, stopped, wait_for, wait_until_nothing_is_open
from tests.harness.customer import Customer
from tests.harness.sales import GROUP, TOPIC, Sales, Sold, rows

pytestmark = [pytest.mark.suite, pytest.mark.timeout(180)]

SYNC, CHOREOGRAPHY = orders_pb2.COORDINATION_SYNC, orders_pb2.COORDINATION_CHOREOGRAPHY
SKU = "MUG-BLUE"


@pytest.fixture
def sales(suite: Suite, operator: grpc.Channel, olga: Metadata) -> Iterator[Sales]:
    """Analytics, which has heard every event and gets along with all of them."""
    found = Sales(suite, operator, olga)
    wait_until_nothing_is_open(suite)
    found.settle()
    yield found
    assert says_the_same_as_orders(suite, found)


def says_the_same_as_orders(suite: Suite, sales: Sales) -> bool:
    """Each order is counted as its own record in the orders service says."""
    wait_until_nothing_is_open(suite)
    sales.settle()
    theirs = """select order_id, version,
                       case state when 'PENDING' then 'PLACED' when 'AWAITING_APPROVAL' then 'PLACED'
                                  when 'SHIPPED' then 'CONFIRMED' when 'DELIVERED' then 'CONFIRMED'
                                  else state end as state,
                       line.sku, line.quantity, line.quantity * line.unit_price as amount
                  from orders, unnest(skus, quantities, unit_prices) as line (sku, quantity, unit_price)"""
    ours = """select order_id, version, state, sku, quantity, amount_minor as amount
                from orders join order_lines using (order_id)"""
    expected, counted = (
        {tuple(row.values()) for row in asyncio.run(rows(suite, *asked))}
        for asked in (("orders", theirs), ("analytics", ours))
    )
    # another test may have told of orders that never were
    assert expected - counted == set()
    return True


def build_anew(suite: Suite) -> str:
    """What `make rebuild` prints."""
    printed = io.StringIO()
    assert rebuild.rebuild(suite.name, "analytics", Console(file=printed, width=200)) == 0
    return printed.getvalue()


def test_orders_appear_whoever_carries_them(suite: Suite, customer: Customer, sales: Sales) -> None:
    before = sales.of(SKU)
    placed = [
        customer.place(sku=SKU, quantity=2, coordination=SYNC),
        customer.place(sku=SKU, quantity=3, coordination=CHOREOGRAPHY),
        customer.place(sku=SKU, quantity=1, coordination=CHOREOGRAPHY, card="declined"),
        customer.place(sku=SKU, quantity=1, coordination=SYNC, card="declined"),
    ]
    assert all(answer.order_id for answer in placed)
    wait_until_nothing_is_open(suite)
    sales.settle()
    confirmed = [o for o in customer.all_orders() if o.state == orders_pb2.ORDER_STATE_CONFIRMED]
    revenue = sum(100 * order.total.units + order.total.nanos // 10_000_000 for order in confirmed)
    assert revenue > 0
    assert sales.of(SKU) - before == Sold(orders=4, confirmed=2, cancelled=2, quantity=5, revenue=revenue)


def test_orders_that_are_cancelled_in_two_steps_count_once(
    suite: Suite, customer: Customer, sales: Sales
) -> None:
    """The wish to cancel is an event with a version of its own."""
    before = sales.of(SKU)
    with ThreadPoolExecutor(1) as pool:
        placing = pool.submit(customer.place, sku=SKU, card="slow")
        wait_for(lambda: len(customer.all_orders()) == 1, "the order to exist")
        cancelled = customer.cancel(customer.all_orders()[0].order_id)
        placing.result()
    wait_until_nothing_is_open(suite)
    sales.settle()
    assert cancelled.code == "OK"
    assert sales.of(SKU) - before == Sold(orders=1, cancelled=1)


def test_a_read_model_that_is_built_anew_is_the_same(suite: Suite, customer: Customer, sales: Sales) -> None:
    for coordination in (SYNC, CHOREOGRAPHY):
        customer.place(sku=SKU, coordination=coordination)
    wait_until_nothing_is_open(suite)
    before = sales.settle()
    assert f"analytics is rebuilt: {sales.history().records} events" in build_anew(suite)
    assert sales.totals() == before
    assert sales.consumer().applied == before.events


def test_a_rebuild_that_was_interrupted_can_be_repeated(suite: Suite, sales: Sales) -> None:
    """Killed before the service is started again: nothing is there, and nothing is lost."""
    before = sales.totals()
    suite.stop("analytics")
    rebuild.forget(suite, "analytics")
    build_anew(suite)
    assert sales.totals() == before


def test_offsets_that_go_back_alone_change_nothing(suite: Suite, sales: Sales) -> None:
    """A rebuild that was killed after its first step, or an operator's mistake: the inbox absorbs all."""
    before, history = sales.totals(), sales.history()

    with stopped(suite, "analytics"):
        asyncio.run(begin_anew(suite.address("kafka"), GROUP, [TOPIC], nullcontext))
    rebuild.wait_until_read(suite, "analytics", history)
    assert sales.totals() == before
    done = sales.consumer()
    assert done.applied == 0
    assert done.repeated >= before.events  # a topic may hold an event twice


def test_analytics_that_dies_with_its_offsets_uncommitted_doubles_nothing(
    suite: Suite, customer: Customer, sales: Sales
) -> None:
    before = sales.of(SKU)
    with dies_at(suite, "analytics", "consumer.before_offset_commit"):
        assert customer.place(sku=SKU, coordination=SYNC).code == "OK"
    wait_until_nothing_is_open(suite)
    sales.settle()
    after = sales.of(SKU) - before
    assert (after.orders, after.confirmed, after.quantity) == (1, 1, 1)
    assert sales.consumer().repeated > 0


def test_analytics_that_is_killed_while_it_is_built_anew_loses_and_doubles_nothing(
    suite: Suite, customer: Customer, sales: Sales
) -> None:
    for _ in range(5):
        customer.place(sku=SKU, coordination=CHOREOGRAPHY)
    wait_until_nothing_is_open(suite)
    before, history = sales.settle(), sales.history()
    suite.stop("analytics")
    rebuild.forget(suite, "analytics")
    suite.start("analytics")
    for events in (1, before.events // 2):
        suite.wait_ready("analytics")
        wait_for(lambda: sales.totals().events >= events, "analytics to have heard some")  # noqa: B023
        suite.kill("analytics")
    suite.wait_ready("analytics")
    rebuild.wait_until_read(suite, "analytics", history)
    assert sales.totals() == before
