"""The auditor's rules of workflows: each is shown what breaks it, and what does not."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from ops import audit_workflows
from ops.audit_records import Records
from ops.audit_rules import audit
from ops.audit_workflows import Run, Workflows

TEA, MUG = UUID(int=1), UUID(int=2)


def order(order_id: UUID, state: str, **changes: Any) -> dict[str, Any]:
    known = {"order_id": order_id, "state": state, "coordination": "ORCHESTRATION", "flow": "STANDARD"}
    return {**known, "quiet": 2.0, **changes}


def start(order_id: UUID, **changes: Any) -> dict[str, Any]:
    return {"order_id": order_id, "started": True, "refused": "", "age": 3.0, **changes}


def run(order_id: UUID, status: str = "COMPLETED") -> dict[str, Run]:
    return {str(order_id): Run(str(order_id), status, 3.0)}


ORDERS = [order(TEA, "CONFIRMED"), order(MUG, "PENDING")]
HEALTHY = Workflows(
    starts=[start(TEA), start(MUG)], runs=run(TEA) | run(MUG, "RUNNING"), retained=23 * 3600.0
)


def wrong(workflows: Workflows, orders: list[dict[str, Any]] = ORDERS) -> list[str]:
    return list(audit_workflows.violations(orders, workflows))


def test_an_ended_workflow_of_a_final_order_and_a_running_one_of_an_open_order_are_healthy() -> None:
    assert wrong(HEALTHY) == []
    assert list(audit_workflows.unfinished(ORDERS, HEALTHY)) == []
    assert audit_workflows.suspects(ORDERS, HEALTHY) == set()


@pytest.mark.parametrize("status", ["FAILED", "TERMINATED", "TIMED_OUT", "CANCELED", "CONTINUED_AS_NEW"])
def test_a_workflow_that_did_not_end_by_itself_is_wrong_whatever_its_order_says(status: str) -> None:
    for order_id, state in ((TEA, "CONFIRMED"), (MUG, "PENDING")):
        found = wrong(replace(HEALTHY, runs={**HEALTHY.runs, **run(order_id, status)}))
        assert found == [
            f"order {order_id}: {state}, its workflow is {status}: nothing is undone or finished any more"
        ]


def test_a_workflow_that_has_ended_before_its_order_is_wrong() -> None:
    assert wrong(replace(HEALTHY, runs=run(TEA) | run(MUG))) == [
        f"order {MUG}: PENDING, but its workflow has ended"
    ]


def test_a_confirmed_order_of_the_long_flow_is_not_at_its_end() -> None:
    by_ship = [order(TEA, "SHIPPED", flow="FULFIL"), order(MUG, "CONFIRMED", flow="FULFIL")]
    running = replace(HEALTHY, runs=run(TEA, "RUNNING") | run(MUG, "RUNNING"))
    assert wrong(running, by_ship) == []
    assert list(audit_workflows.unfinished(by_ship, running)) == []
    assert len(wrong(replace(HEALTHY, runs=run(TEA) | run(MUG)), by_ship)) == 2
    assert wrong(HEALTHY, [order(TEA, "DELIVERED", flow="FULFIL"), ORDERS[1]]) == []


def test_a_workflow_that_still_runs_for_a_final_order_is_open_with_its_age() -> None:
    busy = replace(HEALTHY, runs=run(TEA, "RUNNING") | run(MUG, "RUNNING"))
    assert wrong(busy) == []
    assert list(audit_workflows.unfinished(ORDERS, busy)) == [
        (str(TEA), 3.0, "CONFIRMED, its workflow still runs")
    ]


def test_what_waits_in_the_orders_database_is_open() -> None:
    waiting = replace(
        HEALTHY,
        starts=[start(TEA), start(MUG, started=False)],
        signals=[{"order_id": MUG, "reason": "CANCELLED_BY_CUSTOMER", "age": 4.0}],
        runs=run(TEA),
    )
    assert wrong(waiting) == []
    assert list(audit_workflows.unfinished(ORDERS, waiting)) == [
        (str(MUG), 3.0, "its workflow waits in orders to be started"),
        (str(MUG), 4.0, "its workflow is not told yet: CANCELLED_BY_CUSTOMER"),
    ]


def test_a_refused_start_is_wrong_and_named_with_its_reason() -> None:
    refused = start(MUG, started=False, refused="INVALID_ARGUMENT: no such search attribute")
    set_aside = replace(HEALTHY, starts=[start(TEA), refused], runs=run(TEA))
    assert wrong(set_aside) == [
        f"order {MUG}: Temporal refuses its workflow: INVALID_ARGUMENT: no such search attribute"
    ]
    assert list(audit_workflows.unfinished(ORDERS, set_aside)) == []


def test_a_started_order_without_a_workflow_is_wrong_unless_temporal_may_have_forgotten_it() -> None:
    nothing = replace(HEALTHY, runs={})
    assert len(wrong(nothing)) == 2
    assert audit_workflows.suspects(ORDERS, nothing) == {str(TEA), str(MUG)}
    old = [order(TEA, "CONFIRMED", quiet=24 * 3600.0), order(MUG, "PENDING", quiet=24 * 3600.0)]
    assert wrong(nothing, old) == [f"order {MUG}: PENDING, its workflow was started, but Temporal knows none"]


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        ([ORDERS[1]], "its workflow is there, but no such order"),
        ([order(TEA, "CONFIRMED", coordination="SYNC"), ORDERS[1]], "but is carried by SYNC"),
        ([*ORDERS, order(UUID(int=3), "PENDING")], "no row says to start its workflow"),
    ],
)
def test_orders_and_workflows_belong_together(orders: list[dict[str, Any]], said: str) -> None:
    (found,) = wrong(HEALTHY, orders)
    assert said in found


def test_what_could_not_be_seen_is_neither_wrong_nor_green() -> None:
    blind = replace(HEALTHY, runs={}, unseen="Temporal does not answer")
    assert wrong(blind) == []
    assert audit_workflows.suspects(ORDERS, blind) == set()
    found = audit(Records(workflows=replace(blind, starts=())))
    assert found.unseen == "Temporal does not answer"
    assert found.open == [("workflows", 0.0, "NOT SEEN, Temporal does not answer")]
