"""When the orders of an open loop come, and what a run says about itself."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from ops import arrivals, cpu, latency, open_loop
from ops.arrivals import Arrival
from ops.errors import SuiteError
from ops.open_loop import OpenLoop
from ops.supervision import ProcessState
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2


class SlowOrders:
    """Answers when it is let, refuses the card `broken`."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def answer(self, request: Any, context: Any) -> orders_service_pb2.PlaceOrderResponse:
        await self.go.wait()
        if request.payment_token == "tok_broken":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        if request.payment_token == "tok_declined":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "declined")
        return orders_service_pb2.PlaceOrderResponse(order=orders_pb2.Order(order_id=request.request_id))


@pytest.fixture
async def orders() -> AsyncIterator[tuple[SlowOrders, OpenLoop]]:
    servicer, server = SlowOrders(), grpc.aio.server()
    place = grpc.unary_unary_rpc_method_handler(
        servicer.answer,
        orders_service_pb2.PlaceOrderRequest.FromString,
        orders_service_pb2.PlaceOrderResponse.SerializeToString,
    )
    service = grpc.method_handlers_generic_handler("ordermesh.orders.v1.OrdersService", {"PlaceOrder": place})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with OpenLoop(f"127.0.0.1:{port}", (), orders_pb2.COORDINATION_SYNC) as loop:
        yield servicer, loop
    await server.stop(None)


async def all_dropped(loop: OpenLoop, count: int) -> None:
    """Bounded by the test's timeout."""
    while True:
        if loop.dropped == count:
            return
        await asyncio.sleep(0.01)


def test_arrivals_are_a_poisson_process_of_the_rate() -> None:
    due = arrivals.poisson(50, 200, ("approved",), random.Random(7))  # noqa: S311 - repeatable
    assert 9_700 < len(due) < 10_300  # 10,000 expected, standard deviation 100
    gaps = [after.due - before.due for before, after in itertools.pairwise(due)]
    assert min(gaps) >= 0
    assert due[-1].due < 200
    # of exponential gaps a share of 1/e is longer than the mean
    assert 0.35 < sum(gap > 1 / 50 for gap in gaps) / len(gaps) < 0.39


def test_a_run_is_the_same_every_time_and_cards_are_mixed() -> None:
    cards = arrivals.card_mix("approved,approved,declined")
    first, again = (arrivals.poisson(50, 20, cards, random.Random(7)) for _ in range(2))  # noqa: S311 - as above
    assert first == again
    assert 0.25 < sum(arrival.card == "declined" for arrival in first) / len(first) < 0.42


async def test_what_is_due_is_placed_whatever_is_unanswered_and_what_is_dropped_is_told(
    orders: tuple[SlowOrders, OpenLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    servicer, loop = orders
    monkeypatch.setattr(open_loop, "MOST_IN_FLIGHT", 3)
    running = asyncio.create_task(loop.run([Arrival(0, "approved")] * 5 + [Arrival(0.05, "approved")]))
    await all_dropped(loop, 3)
    servicer.go.set()
    await running
    assert (loop.answered, loop.dropped, len(loop.due_at)) == (3, 3, 3)
    assert "dropped by the generator 3 (more than 3 in flight)" in "\n".join(loop.report())


async def test_a_refusal_of_the_business_is_an_answer_and_a_failure_is_none(
    orders: tuple[SlowOrders, OpenLoop],
) -> None:
    servicer, loop = orders
    servicer.go.set()
    await loop.run([Arrival(0, "declined"), Arrival(0, "broken"), Arrival(0, "approved")])
    assert (loop.answered, loop.failed["UNAVAILABLE"]) == (2, 1)
    assert any("failed 1: UNAVAILABLE" in line for line in loop.report())


async def test_a_suite_that_takes_no_orders_ends_the_load_before_it_begins() -> None:
    async with OpenLoop("127.0.0.1:1", (), orders_pb2.COORDINATION_SYNC) as loop:
        with pytest.raises(SuiteError, match="takes no orders: UNAVAILABLE"):
            await loop.warm_up()


def test_what_was_used_counts_from_its_start_where_a_part_was_started_in_between() -> None:
    spent = cpu.between({"orders": 10.0, "kafka": 5.0}, {"orders": 2.0, "kafka": 6.5, "mail": 0.5})
    assert spent == {"orders": 2.0, "kafka": 1.5, "mail": 0.5}
    assert cpu.per_order(spent, 100)[:2] == ["  CPU per order 40.0 ms, of it", "    orders          20.00 ms"]


def test_quantiles_are_times_that_were_measured() -> None:
    assert latency.summary([0.3, 0.1, 0.2]) == "p50 200.0 ms, p99 300.0 ms"
    assert latency.quantile([0.7], 0.99) == 0.7


def test_a_child_that_has_ended_is_still_counted() -> None:
    class Parts:
        """One part, which is this process."""

        def states(self) -> dict[str, ProcessState]:
            return {"me": ProcessState("me", "RUNNING", os.getpid(), 1)}

    parts: Any = Parts()
    before = cpu.used(parts)
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-I", "-S", "-c", busy], check=True)
    assert cpu.between(before, cpu.used(parts))["me"] > 0.25  # in hundredths
