"""Every scenario of docs/sagas.md, played against the running suite; `make audit` holds after each."""

from contextlib import AbstractContextManager, ExitStack, nullcontext

import pytest

from kit.testing.tables import rows
from ops.audit_events import APPLIES
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import dies_at, stopped, wait_until_nothing_is_open
from tests.harness.customer import Answer, Customer
from tests.harness.workflows import COMPLETED, ended, wait_until_no_workflow_runs

pytestmark = [pytest.mark.suite, pytest.mark.timeout(180)]

SYNC, CHOREOGRAPHY = orders_pb2.COORDINATION_SYNC, orders_pb2.COORDINATION_CHOREOGRAPHY
ORCHESTRATION = orders_pb2.COORDINATION_ORCHESTRATION


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


def scenarios(heading: str) -> list[object]:
    return [pytest.param(row, id=row["scenario"].replace(" ", "-")) for row in rows(heading)]


def play(
    suite: Suite, customer: Customer, row: dict[str, str], mode: orders_pb2.Coordination.ValueType
) -> Answer:
    """Break what is given, place the order, mend it."""
    with ExitStack() as broken:
        for text in row["given"].split(" and "):
            broken.enter_context(given(suite, text))
        return customer.place(card=row["card"], sku=row.get("sku", "MUG-BLUE"), coordination=mode)


def assert_ends(suite: Suite, customer: Customer, ends: str) -> None:
    """How the customer's only order ends, `A or B`, and that everything adds up."""
    found = wait_until_nothing_is_open(suite)
    orders = customer.all_orders()
    states = [orders_pb2.OrderState.Name(order.state).removeprefix("ORDER_STATE_") for order in orders]
    assert [f"{state} {order.reason}".strip() for state, order in zip(states, orders, strict=True)] in [
        [end] if end != "no order" else [] for end in ends.split(" or ")
    ]
    assert found.violations == []


def assert_workflow_ends(suite: Suite, customer: Customer) -> None:
    """The workflow of the customer's only order, if there is one, is done and shows the order's state."""
    wait_until_no_workflow_runs(suite)
    for order in customer.all_orders():
        state = orders_pb2.OrderState.Name(order.state).removeprefix("ORDER_STATE_")
        assert ended(suite, order.order_id) == (COMPLETED, state)


def said(answer: Answer) -> str:
    return f"{answer.code} {answer.reason}".strip()


@pytest.mark.parametrize("row", scenarios("Scenarios"))
def test_a_synchronous_order_ends_as_the_table_says(
    suite: Suite, customer: Customer, row: dict[str, str]
) -> None:
    answer = play(suite, customer, row, SYNC)
    assert said(answer) in row["SYNC answers"].split(" or "), answer
    assert_ends(suite, customer, row["SYNC ends"])


@pytest.mark.parametrize("row", scenarios("Scenarios"))
def test_a_choreographed_order_ends_as_the_table_says(
    suite: Suite, customer: Customer, row: dict[str, str]
) -> None:
    answer = play(suite, customer, row, CHOREOGRAPHY)
    assert said(answer) == "OK", answer
    assert_ends(suite, customer, row["CHOREOGRAPHY ends"])


@pytest.mark.parametrize("row", scenarios("Scenarios"))
def test_an_orchestrated_order_ends_as_the_table_says(
    suite: Suite, customer: Customer, row: dict[str, str]
) -> None:
    answer = play(suite, customer, row, ORCHESTRATION)
    assert said(answer) == "OK", answer
    assert_ends(suite, customer, row["ORCHESTRATION ends"])
    assert_workflow_ends(suite, customer)


@pytest.mark.parametrize("row", scenarios("Scenarios of the synchronous chain"))
def test_a_synchronous_order_survives_the_death_of_a_process(
    suite: Suite, customer: Customer, row: dict[str, str]
) -> None:
    answer = play(suite, customer, row, SYNC)
    assert said(answer) in row["SYNC answers"].split(" or "), answer
    assert_ends(suite, customer, row["ends"])


@pytest.mark.parametrize("row", scenarios("Scenarios of the choreographed saga"))
def test_a_choreographed_order_survives_the_death_of_a_process(
    suite: Suite, customer: Customer, row: dict[str, str]
) -> None:
    answer = play(suite, customer, row, CHOREOGRAPHY)
    assert said(answer) in row["answers"].split(" or "), answer
    assert_ends(suite, customer, row["ends"])


@pytest.mark.parametrize("row", scenarios("Scenarios of the orchestrated saga"))
def test_an_orchestrated_order_survives_the_death_of_a_process(
    suite: Suite, customer: Customer, row: dict[str, str]
) -> None:
    answer = play(suite, customer, row, ORCHESTRATION)
    assert said(answer) in row["answers"].split(" or "), answer
    assert_ends(suite, customer, row["ends"])
    assert_workflow_ends(suite, customer)


def test_the_table_of_reactions_is_that_of_the_auditor() -> None:
    """Who applies what is written in docs/sagas.md, in the consumers and in the auditor; two of them here."""
    saga = {consumer: applied for consumer, applied in APPLIES.items() if consumer != "analytics"}
    for consumer, applied in saga.items():
        listed = {row["event"] for row in rows("The choreographed saga") if row[consumer]}
        assert listed == {name for name, modes in applied.items() if "CHOREOGRAPHY" in modes}
