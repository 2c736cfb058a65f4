"""The rules of an order and of the synchronous chain, cell by cell of docs/sagas.md."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.testing.tables import Cell, cells
from services.orders import coordination, domain
from services.orders.coordination import journal
from services.orders.coordination.journal import Heard, Step
from services.orders.domain import Coordination, Decision, Flow, Line, Order, Product, State, Told
from services.orders.outcome import Verdict

ORDER = Order(
    order_id=UUID("00000000-0000-4000-8000-000000000001"),
    customer_id=UUID("00000000-0000-4000-8000-0000000000ad"),
    lines=(Line("MUG-BLUE", "Blue mug", 2, 1250),),
    total=2500,
    currency_code="EUR",
    coordination=Coordination.SYNC,
    coordination_reason="the caller asked for it",
)


REASONS = {"StockReservationFailed": "OUT_OF_STOCK", "StockReleased": "PAYMENT_DECLINED"}


def hear(message: str, order: Order) -> Decision:
    if message == "cancel":
        return domain.request_cancel(order)
    return domain.hear(order, Told(message), REASONS.get(message, ""))


@pytest.mark.parametrize(("state", "message", "cell"), [*cells("Order"), *cells("Order, long flow")])
def test_every_state_of_an_order_answers_every_message_as_the_table_says(
    state: str, message: str, cell: Cell
) -> None:
    before = replace(ORDER, state=State(state))
    decision = hear(message, before)
    assert decision.order.state == (cell.state or state)
    assert tuple(type(fact).__name__ for fact in decision.facts) == cell.facts
    assert getattr(decision.refusal, "reason", "") == cell.refusal
    assert decision.alarm == cell.alarm
    assert decision.order.version == before.version + (1 if cell.facts else 0)


def test_the_tables_have_every_state_and_step() -> None:
    for table in ("Order", "Order, long flow"):
        assert {state for state, _, _ in cells(table)} == set(State)
    heard = {message for table in ("Order", "Order, long flow") for _, message, _ in cells(table)}
    assert heard == {*Told, "cancel"}
    assert {state for state, _, _ in cells("The synchronous chain")} == set(Step)
    assert {message for _, message, _ in cells("The synchronous chain")} == set(Heard)


@pytest.mark.parametrize(("step", "heard", "cell"), cells("The synchronous chain"))
def test_every_step_of_the_chain_answers_everything_heard_as_the_table_says(
    step: str, heard: str, cell: Cell
) -> None:
    following = journal.after(Step(step), Heard(heard))
    assert following.step == (cell.state or step)
    assert tuple(f"[{tell}]" for tell in [following.tell] if tell) == cell.facts
    assert following.alarm == cell.alarm


def test_a_second_wish_to_cancel_changes_nothing() -> None:
    once = domain.request_cancel(ORDER).order
    assert once.cancel_requested
    assert domain.request_cancel(once) == Decision(once)


def test_an_end_takes_the_open_wish_to_cancel_away() -> None:
    wished = domain.request_cancel(ORDER).order
    assert not domain.payment_processed(wished).order.cancel_requested
    assert not domain.stock_released(wished, "CANCELLED_BY_CUSTOMER").order.cancel_requested


def test_a_price_is_frozen_in_the_line_and_the_total_is_the_sum() -> None:
    products = {"A1": Product("A1", "Tea", 490, "EUR"), "B2": Product("B2", "Mug", 1250, "EUR")}
    lines = domain.price((("A1", 3), ("B2", 1)), products)
    assert lines == (Line("A1", "Tea", 3, 490), Line("B2", "Mug", 1, 1250))
    assert domain.total_of(lines) == 2720


def test_an_order_has_one_currency() -> None:
    products = {"A1": Product("A1", "Tea", 490, "EUR"), "B2": Product("B2", "Mug", 1250, "USD")}
    with pytest.raises(domain.CurrenciesDiffer):
        domain.price((("A1", 1), ("B2", 1)), products)


@pytest.mark.parametrize(
    ("step", "reason", "verdict"),
    [
        (Step.RESERVE, "", Verdict.OPEN),
        (Step.CHARGE, "", Verdict.OPEN),
        (Step.GIVE_UP, "PAYMENTS_UNAVAILABLE", Verdict.OPEN),
        (Step.VOID, "PAYMENTS_UNAVAILABLE", Verdict.RETRY),
        (Step.RELEASE, "INVENTORY_UNAVAILABLE", Verdict.RETRY),
        (Step.RELEASE, "PAYMENT_DECLINED", Verdict.REFUSED),
        (Step.VOID, "CANCELLED_BY_CUSTOMER", Verdict.REFUSED),
        (Step.DONE, "OUT_OF_STOCK", Verdict.REFUSED),
    ],
)
def test_try_again_is_said_only_when_nothing_can_be_charged_any_more(
    step: Step, reason: str, verdict: Verdict
) -> None:
    assert journal.verdict(step, reason, confirmed=False) is verdict


def test_a_confirmed_order_is_confirmed_whatever_is_left_to_do() -> None:
    assert journal.verdict(Step.FINISH, "", confirmed=True) is Verdict.CONFIRMED


@given(st.lists(st.sampled_from(list(Heard)), max_size=12))
def test_the_chain_never_both_confirms_and_releases(heard: list[Heard]) -> None:
    step, told = Step.RESERVE, []
    for message in heard:
        following = journal.after(step, message)
        step = following.step
        told += [following.tell] if following.tell else []
    assert len(told) <= 1


def test_the_number_of_steps_decides_what_the_caller_leaves_open() -> None:
    short, why_short = coordination.choose(None, Flow.STANDARD)
    long, why_long = coordination.choose(None, Flow.FULFIL)
    assert (short, long) == (Coordination.CHOREOGRAPHY, Coordination.ORCHESTRATION)
    assert (why_short, why_long) == (
        "left open by the caller; STANDARD has 3 steps, 5 and more are orchestrated",
        "left open by the caller; FULFIL has 8 steps, 5 and more are orchestrated",
    )


@pytest.mark.parametrize(
    ("limit", "flow", "needed"),
    [(2500, Flow.FULFIL, False), (2499, Flow.FULFIL, True), (0, Flow.STANDARD, False)],
)
def test_a_person_approves_what_is_above_the_limit_in_the_long_flow(
    limit: int, flow: Flow, needed: bool
) -> None:
    assert domain.needs_approval(replace(ORDER, flow=flow), limit) == needed


def test_a_paid_order_of_the_long_flow_is_not_at_its_end() -> None:
    ends = {flow: {state for state in State if domain.is_final(state, flow)} for flow in Flow}
    assert ends == {
        Flow.STANDARD: {State.CONFIRMED, State.CANCELLED},
        Flow.FULFIL: {State.DELIVERED, State.CANCELLED},
    }


@pytest.mark.parametrize("asked", list(Coordination))
def test_a_coordination_that_was_asked_for_is_taken(asked: Coordination) -> None:
    assert coordination.choose(asked, Flow.STANDARD) == (asked, "the caller asked for it")


def test_the_long_flow_needs_orchestration() -> None:
    with pytest.raises(coordination.FlowNeedsOrchestration):
        coordination.choose(Coordination.SYNC, Flow.FULFIL)
