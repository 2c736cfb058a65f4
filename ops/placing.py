"""One order as a customer places it: what is asked for, its first answer, and when it has come to its end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from ops import client
from ops.client import Metadata
from ops.errors import SuiteError
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc

SKU = "MUG-BLUE"
WATCH_SECONDS = 30.0
FIRST_ANSWER: Mapping[orders_pb2.Coordination.ValueType, orders_pb2.Wait.ValueType] = {
    orders_pb2.COORDINATION_SYNC: orders_pb2.WAIT_UNSPECIFIED,
    orders_pb2.COORDINATION_CHOREOGRAPHY: orders_pb2.WAIT_ACCEPTED,
    orders_pb2.COORDINATION_ORCHESTRATION: orders_pb2.WAIT_STOCK_RESERVED,
}
"""What each coordination can tell first, when it is measured."""
FIRST_WORDS: Mapping[orders_pb2.Coordination.ValueType, str] = {
    orders_pb2.COORDINATION_SYNC: "outcome",
    orders_pb2.COORDINATION_CHOREOGRAPHY: "accepted",
    orders_pb2.COORDINATION_ORCHESTRATION: "stock reserved",
}
ENDS: Mapping[orders_pb2.Flow.ValueType, tuple[str, ...]] = {
    orders_pb2.FLOW_STANDARD: ("CONFIRMED", "CANCELLED"),
    orders_pb2.FLOW_FULFIL: ("DELIVERED", "CANCELLED"),
}


@dataclass(frozen=True)
class Timed:
    """One order: seconds until the first answer, and until its end was known."""

    order_id: str
    first: float
    whole: float


def state_of(state: orders_pb2.OrderState.ValueType) -> str:
    """A state's name as a person says it."""
    return orders_pb2.OrderState.Name(state).removeprefix("ORDER_STATE_")


def name_of(coordination: orders_pb2.Coordination.ValueType) -> str:
    """A coordination's name as a person says it."""
    return orders_pb2.Coordination.Name(coordination).removeprefix("COORDINATION_")


def is_final(
    state: orders_pb2.OrderState.ValueType, flow: orders_pb2.Flow.ValueType = orders_pb2.FLOW_STANDARD
) -> bool:
    """Whether an order of this flow has come to its end."""
    return state_of(state) in ENDS.get(flow, ENDS[orders_pb2.FLOW_STANDARD])


def request(
    coordination: orders_pb2.Coordination.ValueType, card: str = "approved"
) -> orders_service_pb2.PlaceOrderRequest:
    """One cup, to be answered as soon as this coordination can tell something."""
    return orders_service_pb2.PlaceOrderRequest(
        request_id=str(uuid.uuid4()),
        lines=[orders_service_pb2.PlaceOrderLine(sku=SKU, quantity=1)],
        payment_token=f"tok_{card}",
        coordination=coordination,
        wait=FIRST_ANSWER[coordination],
    )


async def place(
    stub: orders_service_pb2_grpc.OrdersServiceAsyncStub,
    who: Metadata,
    coordination: orders_pb2.Coordination.ValueType,
) -> Timed:
    """Place an order and watch it to its end. Raises SuiteError if that does not come."""
    began = time.perf_counter()
    order = (await stub.PlaceOrder(request(coordination), metadata=who, timeout=client.CALL_SECONDS)).order
    first = time.perf_counter() - began
    if is_final(order.state):
        return Timed(order.order_id, first, first)
    watch = orders_service_pb2.WatchOrderRequest(order_id=order.order_id, after_version=order.version)
    async for answer in stub.WatchOrder(watch, metadata=who, timeout=WATCH_SECONDS):
        if is_final(answer.status.state):
            return Timed(order.order_id, first, time.perf_counter() - began)
    raise SuiteError(f"order {order.order_id} is still open after {WATCH_SECONDS:.0f} s")
