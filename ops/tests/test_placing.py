"""When an order has come to its end, by its flow; what a demo may be asked for."""

import pytest

from ops import placing
from ordermesh.orders.v1 import orders_pb2


def test_a_confirmed_order_is_at_its_end_in_the_short_flow_only() -> None:
    confirmed, cancelled = orders_pb2.ORDER_STATE_CONFIRMED, orders_pb2.ORDER_STATE_CANCELLED
    assert placing.is_final(confirmed)
    assert placing.is_final(confirmed, orders_pb2.FLOW_UNSPECIFIED)
    assert not placing.is_final(confirmed, orders_pb2.FLOW_FULFIL)
    for flow in (orders_pb2.FLOW_STANDARD, orders_pb2.FLOW_FULFIL):
        assert placing.is_final(cancelled, flow)
        assert not placing.is_final(orders_pb2.ORDER_STATE_PENDING, flow)


@pytest.mark.parametrize("coordination", list(placing.FIRST_ANSWER))
def test_each_request_is_one_of_its_own(coordination: orders_pb2.Coordination.ValueType) -> None:
    first, again = placing.request(coordination), placing.request(coordination, "declined")
    assert first.request_id != again.request_id
    assert (first.coordination, again.payment_token) == (coordination, "tok_declined")
