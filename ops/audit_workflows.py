"""What must be true of workflows, as pure checks of what Temporal shows against the records of orders.

Each orchestrated order has one workflow, by its own id; the workflow ends after the order, and never without
it. One that did not end by itself (failed, terminated, timed out, cancelled from outside) has skipped its
compensation, so that is wrong whatever the order says. A workflow that still sells the stock or sends the
mail of a final order is open and not wrong: it goes on for as long as a participant is away.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
RUNNING, COMPLETED = ("RUNNING", "PAUSED"), "COMPLETED"
FINAL: Mapping[str, frozenset[str]] = {
    "STANDARD": frozenset({"CONFIRMED", "CANCELLED"}),
    "FULFIL": frozenset({"DELIVERED", "CANCELLED"}),
}
"""Where an order of each flow ends; a workflow follows the long one to the door."""


@dataclass(frozen=True)
class Run:
    """One workflow, as Temporal shows it: the last run of its id."""

    workflow_id: str
    status: str  # as in WorkflowExecutionStatus, without its prefix
    age: float  # seconds since its start
    events: int = 0  # of its history, once it has ended


@dataclass(frozen=True)
class Workflows:
    """Everything that was read of workflows. `unseen` says why Temporal's part is missing, if it is."""

    starts: Sequence[Row] = ()  # the rows of `orchestrations`
    signals: Sequence[Row] = ()  # those that no workflow has heard yet
    runs: Mapping[str, Run] = field(default_factory=dict)
    retained: float = float("inf")  # seconds for which Temporal keeps what has ended
    unseen: str = ""


@dataclass(frozen=True)
class _Remark:
    order_id: str
    age: float
    where: str
    wrong: bool


def violations(orders: Sequence[Row], workflows: Workflows) -> Iterator[str]:
    """What is wrong."""
    known = {start["order_id"] for start in workflows.starts}
    for order in orders:
        if order["coordination"] == "ORCHESTRATION" and order["order_id"] not in known:
            yield f"order {order['order_id']}: orchestrated, but no row says to start its workflow"
    for start in workflows.starts:
        if start["refused"]:
            yield f"order {start['order_id']}: Temporal refuses its workflow: {start['refused']}"
    for remark in _remarks(orders, workflows):
        if remark.wrong:
            yield f"order {remark.order_id}: {remark.where}"


def unfinished(orders: Sequence[Row], workflows: Workflows) -> Iterator[tuple[str, float, str]]:
    """What is open, as (order id, age in seconds, where it is); what cannot be seen counts as open."""
    for start in workflows.starts:
        if not start["started"] and not start["refused"]:
            yield str(start["order_id"]), start["age"], "its workflow waits in orders to be started"
    for signal in workflows.signals:
        yield str(signal["order_id"]), signal["age"], f"its workflow is not told yet: {signal['reason']}"
    for remark in _remarks(orders, workflows):
        if not remark.wrong:
            yield remark.order_id, remark.age, remark.where
    if workflows.unseen:
        yield "workflows", 0.0, f"NOT SEEN, {workflows.unseen}"


def suspects(orders: Sequence[Row], workflows: Workflows) -> set[str]:
    """The workflows to be asked for by name: Temporal's list lags behind what it lists."""
    return {remark.order_id for remark in _remarks(orders, workflows)}


def is_final(order: Row) -> bool:
    """Whether an order has come to its end."""
    return order["state"] in FINAL.get(order["flow"], FINAL["STANDARD"])


def _remarks(orders: Sequence[Row], workflows: Workflows) -> Iterator[_Remark]:
    """Whatever does not fit together in what Temporal shows."""
    if workflows.unseen:
        return
    known = {str(order["order_id"]): order for order in orders}
    for start in workflows.starts:
        order = known.get(str(start["order_id"]))
        if order is None or not start["started"] or str(start["order_id"]) in workflows.runs:
            continue
        if not is_final(order) or order["quiet"] < workflows.retained:
            where = f"{order['state']}, its workflow was started, but Temporal knows none"
            yield _Remark(str(start["order_id"]), start["age"], where, wrong=True)
    for run in workflows.runs.values():
        order = known.get(run.workflow_id)
        if where := _strays(order) or _ended_badly(run, order):
            yield _Remark(run.workflow_id, run.age, where, wrong=True)
        elif order is not None and run.status in RUNNING and is_final(order):
            yield _Remark(run.workflow_id, run.age, f"{order['state']}, its workflow still runs", wrong=False)


def _strays(order: Row | None) -> str:
    if order is None:
        return "its workflow is there, but no such order"
    by = order["coordination"]
    return "" if by == "ORCHESTRATION" else f"it has a workflow, but is carried by {by}"


def _ended_badly(run: Run, order: Row | None) -> str:
    if run.status in RUNNING or order is None:
        return ""
    if run.status != COMPLETED:
        return f"{order['state']}, its workflow is {run.status}: nothing is undone or finished any more"
    return "" if is_final(order) else f"{order['state']}, but its workflow has ended"
