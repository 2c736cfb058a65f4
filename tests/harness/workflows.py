"""Looks at the orders' workflows in the Temporal of the suite under test, as an operator would."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError

from kit.payload_keys import read_keys
from kit.payloads import data_converter
from ops.suite import Suite
from ordermesh.sagas.v1.workflows_pb2 import SagaState
from tests.harness.breaking import wait_for

T = TypeVar("T")
COMPLETED = WorkflowExecutionStatus.COMPLETED


def listed(suite: Suite, query: str) -> list[WorkflowExecution]:
    """The workflows that a query of search attributes finds."""

    async def find(client: Client) -> list[WorkflowExecution]:
        return [found async for found in client.list_workflows(query)]

    return _ask(suite, find)


def wait_until_no_workflow_runs(suite: Suite) -> None:
    """Every workflow has come to its end, as Temporal's own list says."""
    wait_for(lambda: not listed(suite, "ExecutionStatus = 'Running'"), "every workflow to come to its end")


def ended(suite: Suite, order_id: str) -> tuple[WorkflowExecutionStatus | None, str]:
    """How the workflow of one order stands, and which state of the order can be searched for. No workflow
    has a second run: an order has one.
    """
    (one,) = listed(suite, f"WorkflowId = '{order_id}'")
    return one.status, str(one.search_attributes["OrderState"][0])


def state(suite: Suite, order_id: str) -> SagaState:
    """What the workflow answers to the query `saga_state`; raises RPCError while nobody can answer it."""

    async def ask(client: Client) -> SagaState:
        handle = client.get_workflow_handle(order_id)
        found: SagaState = await handle.query("saga_state", result_type=SagaState)
        return found

    return _ask(suite, ask)


def waits_for(suite: Suite, order_id: str, step: str) -> bool:
    """Whether a workflow is at this step now; not while there is no workflow yet."""
    try:
        return state(suite, order_id).waiting_for == step
    except RPCError:
        return False


def history(suite: Suite, order_id: str) -> bytes:
    """Every event of one workflow as Temporal keeps it, the payloads' own text in it."""

    async def fetch(client: Client) -> bytes:
        found = await client.get_workflow_handle(order_id).fetch_history()
        return b"".join(event.SerializeToString() for event in found.events)

    return _ask(suite, fetch)


def attempts(suite: Suite, order_id: str) -> list[int]:
    """Which try of each regular activity of one workflow was the one that decided, in their order."""

    async def fetch(client: Client) -> list[int]:
        found = await client.get_workflow_handle(order_id).fetch_history()
        return [
            event.activity_task_started_event_attributes.attempt
            for event in found.events
            if event.HasField("activity_task_started_event_attributes")
        ]

    return _ask(suite, fetch)


def _ask(suite: Suite, what: Callable[[Client], Awaitable[T]]) -> T:
    async def ask() -> T:
        converter = data_converter(read_keys(suite.site.payload_keys))
        return await what(await Client.connect(suite.address("temporal"), data_converter=converter))

    return asyncio.run(ask())
