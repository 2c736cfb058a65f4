"""Orders by v2: an amount says its currency, a status what it means; the same orders as by v1."""

from __future__ import annotations

import pytest
from google.type.money_pb2 import Money

from bff.partner.tests.client import Partner
from bff.partner.tests.shop import ADA
from bff.partner.v2 import messages
from kit.money import from_minor
from ordermesh.orders.v1 import orders_pb2


async def test_an_order_has_money_and_a_status(ada: Partner) -> None:
    order_id = ada.shop.ordered(ADA, {"MUG-BLUE": 2})
    ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CANCELLED, "PAYMENT_DECLINED")
    order = (await ada.ask("GET", f"/v2/orders/{order_id}")).json()
    assert order["total"] == {"amount": "25.00", "currency": "EUR"}
    assert order["lines"][0]["unit_price"] == {"amount": "12.50", "currency": "EUR"}
    status = {"state": "cancelled", "version": 2, "final": True, "reason": "PAYMENT_DECLINED"}
    assert order["status"] == status | {"cancel_requested": False, "since": None}
    assert (await ada.ask("GET", "/v2/orders")).json() == {"orders": [order], "next_cursor": None}


@pytest.mark.parametrize(
    ("flow", "final"), [(orders_pb2.FLOW_STANDARD, True), (orders_pb2.FLOW_FULFIL, False)]
)
async def test_a_confirmed_order_is_final_unless_it_is_still_to_be_shipped(
    ada: Partner, flow: orders_pb2.Flow.ValueType, final: bool
) -> None:
    order_id = ada.shop.ordered(ADA, {"MUG-BLUE": 2})
    ada.shop.orders[order_id].flow = flow
    ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CONFIRMED)
    assert (await ada.ask("GET", f"/v2/orders/{order_id}")).json()["status"]["final"] is final


@pytest.mark.parametrize(
    ("minor", "amount"), [(0, "0.00"), (5, "0.05"), (-175, "-1.75"), (10**9, "10000000.00")]
)
def test_an_amount_has_two_decimals(minor: int, amount: str) -> None:
    assert messages.money(from_minor(minor, "EUR")).amount == amount
    assert messages.money(Money(currency_code="EUR")).amount == "0.00"


async def test_both_versions_page_with_the_same_cursors(ada: Partner) -> None:
    ids = [ada.shop.ordered(ADA, {"MUG-BLUE": 1}) for _ in range(3)][::-1]
    first = (await ada.ask("GET", "/v1/orders?limit=2")).json()
    second = (await ada.ask("GET", f"/v2/orders?limit=2&cursor={first['next_cursor']}")).json()
    assert [order["id"] for order in first["data"] + second["orders"]] == ids
