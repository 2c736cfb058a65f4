"""Every scenario of docs/sagas.md, played against the running suite; `make audit` holds after each."""

from contextlib import AbstractContextManager, nullcontext

import pytest

from kit.testing.tables import rows
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import dies_at, stopped, wait_until_nothing_is_open
from tests.harness.customer import Customer

pytestmark = [pytest.mark.suite, pytest.mark.timeout(180)]


def given(suite: Suite, text: str) -> AbstractContextManager[None]:
    """`payments stopped`, `orders dies at orders.after_commit`, or nothing."""
    if not text:
        return nullcontext()
    part, _, rest = text.partition(" ")
    if rest == "stopped":
        return stopped(suite, part)
    if rest.startswith("dies at "):
        return dies_at(suite, part, rest.removeprefix("dies at "))
    raise AssertionError(f"the table has a given that this test does not know: {text}")


def scenarios() -> list[object]:
    return [pytest.param(row, id=row["scenario"].replace(" ", "-")) for row in rows("Scenarios")]


@pytest.mark.parametrize("row", scenarios())
def test_the_order_ends_as_the_table_says(suite: Suite, customer: Customer, row: dict[str, str]) -> None:
    broken = [given(suite, text) for text in row["given"].split(" and ")]
    with broken[0], broken[1] if len(broken) > 1 else nullcontext():
        answer = customer.place(card=row["card"], sku=row["sku"])
        said = f"{answer.code} {answer.reason}".strip()
        assert said in row["SYNC answers"].split(" or "), answer
    found = wait_until_nothing_is_open(suite)
    orders = customer.all_orders()
    ends = [orders_pb2.OrderState.Name(order.state).removeprefix("ORDER_STATE_") for order in orders]
    assert [f"{end} {order.reason}".strip() for end, order in zip(ends, orders, strict=True)] in [
        [end] if end != "no order" else [] for end in row["ends"].split(" or ")
    ]
    assert found.violations == []
