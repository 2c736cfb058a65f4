"""Stops payments for a moment, places an order by each coordination meanwhile, and tells what came of it.

Whatever happens, Ctrl-C too, payments is started again.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import grpc

from ops import client, placing
from ops.client import Metadata
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc

PART = "payments"
READY_SECONDS = 60.0
END_SECONDS = 60.0
PAUSE_SECONDS = 0.1


class Stoppable(Protocol):
    """A suite, as far as it is needed to stop one of its parts."""

    def stop(self, name: str, /) -> None:
        """Stop a part and wait until its process is gone."""

    def start(self, name: str, /) -> None:
        """Start it; harmless if it runs."""

    def wait_ready(self, name: str, seconds: float, /) -> None:
        """Wait until it answers; raises SuiteError."""


@dataclass(frozen=True)
class Seen:
    """What one order was answered while payments was down."""

    coordination: orders_pb2.Coordination.ValueType
    order_id: str
    answer: str


def show(suite: Suite, who: Metadata) -> Iterator[str]:
    """Lines for a person, as it happens. Raises SuiteError if payments does not come back."""
    with client.edge(suite) as channel:
        stub = orders_service_pb2_grpc.OrdersServiceStub(channel)
        with stopped(suite, PART):
            yield f"{PART} stopped, one order by each:"
            seen = [_place(stub, who, each) for each in placing.FIRST_ANSWER]
        back = time.monotonic()
        for each in seen:
            name = placing.name_of(each.coordination)
            yield f"  {name:<13}  {each.answer}; {_end(stub, who, each.order_id, back)}"


@contextmanager
def stopped(suite: Stoppable, part: str) -> Iterator[None]:
    """A part is down for the length of a block, and healthy after it, whatever happens and is pressed."""
    try:
        suite.stop(part)
        yield
    finally:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            suite.start(part)
            suite.wait_ready(part, READY_SECONDS)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _place(
    stub: orders_service_pb2_grpc.OrdersServiceStub,
    who: Metadata,
    coordination: orders_pb2.Coordination.ValueType,
) -> Seen:
    began = time.perf_counter()
    try:
        order = stub.PlaceOrder(
            placing.request(coordination), metadata=who, timeout=client.CALL_SECONDS
        ).order
        order_id, answer = order.order_id, f"answered {placing.state_of(order.state)}"
    except grpc.RpcError as error:
        said = client.refusal(error)
        order_id, answer = said.details.get("order_id", ""), f"answered {said.code} {said.reason}".strip()
    return Seen(coordination, order_id, f"{answer} after {(time.perf_counter() - began) * 1e3:.0f} ms")


def _end(stub: orders_service_pb2_grpc.OrdersServiceStub, who: Metadata, order_id: str, back: float) -> str:
    """How an order ended, and how long after the return of payments."""
    if not order_id:
        return "no order is named"
    get = orders_service_pb2.GetOrderRequest(order_id=order_id)
    while time.monotonic() < back + END_SECONDS:
        order = stub.GetOrder(get, metadata=who, timeout=client.CALL_SECONDS).order
        if placing.is_final(order.state, order.flow):
            state = f"{placing.state_of(order.state)} {order.reason}".strip()
            return f"{state}, {time.monotonic() - back:.1f} s after {PART} was back"
        time.sleep(PAUSE_SECONDS)
    return f"still open {END_SECONDS:.0f} s after {PART} was back"
