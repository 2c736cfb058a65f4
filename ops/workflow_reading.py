"""Reads what Temporal shows of workflows: its list, which lags behind a little, and one by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ops.audit_workflows import Run, Workflows
from ops.errors import SuiteError
from ops.suite import Suite, blocking

NAMESPACE = "default"
ORDERS = "TaskQueue = 'ordermesh-sagas'"
"""What is listed: every workflow that the worker would carry, whoever started it."""
PAGE = 500
AT_A_TIME = 16
CALL = timedelta(seconds=15)
"""A page takes a fifth of a second on an idle machine, and many times that beside a full load."""
CONNECT_SECONDS = 10.0
RETENTION_MARGIN = timedelta(hours=1)


async def listed(suite: Suite) -> Workflows:
    """All workflows of orders that Temporal still has; with the reason, if it cannot be asked."""
    try:
        client = await _connect(suite)
        found = await _pages(client)
        about = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=NAMESPACE), timeout=CALL
        )
    except (RPCError, RuntimeError, TimeoutError) as error:
        return Workflows(unseen=_why(error))
    kept: timedelta = about.config.workflow_execution_retention_ttl.ToTimedelta()
    return Workflows(runs=found, retained=(kept - RETENTION_MARGIN).total_seconds())


async def asked_again(suite: Suite, names: Iterable[str], workflows: Workflows) -> Workflows:
    """The same, with some of them as they are now; one that is not there is left out."""
    wanted = sorted(names)
    if not wanted:
        return workflows
    turn = asyncio.Semaphore(AT_A_TIME)

    async def ask(client: Client, name: str) -> Run | None:
        async with turn:
            return await _described(client, name)

    try:
        client = await _connect(suite)
        answers = await asyncio.gather(*(ask(client, name) for name in wanted))
    except (RPCError, RuntimeError, TimeoutError) as error:
        return replace(workflows, runs={}, unseen=_why(error))
    runs = {name: run for name, run in workflows.runs.items() if name not in wanted}
    return replace(workflows, runs=runs | {run.workflow_id: run for run in answers if run})


def running(suite: Suite) -> int:
    """How many workflows of orders have not ended, as the list says. Raises SuiteError."""

    async def count() -> int:
        client = await _connect(suite)
        query = f"{ORDERS} and ExecutionStatus = 'Running'"
        asked = CountWorkflowExecutionsRequest(namespace=NAMESPACE, query=query)
        return (await client.workflow_service.count_workflow_executions(asked, timeout=CALL)).count

    try:
        return blocking(count())
    except (RPCError, RuntimeError, TimeoutError) as error:
        raise SuiteError(_why(error)) from error


async def _connect(suite: Suite) -> Client:
    async with asyncio.timeout(CONNECT_SECONDS):
        return await Client.connect(suite.address("temporal"), namespace=NAMESPACE)


async def _pages(client: Client) -> Mapping[str, Run]:
    """By id; of several runs of one id (an operator has reset it) the one that began last."""
    found: dict[str, tuple[datetime, Run]] = {}
    request = ListWorkflowExecutionsRequest(namespace=NAMESPACE, page_size=PAGE, query=ORDERS)
    while True:
        page = await client.workflow_service.list_workflow_executions(request, timeout=CALL)
        for each in page.executions:
            began, name = each.start_time.ToDatetime(tzinfo=UTC), each.execution.workflow_id
            if name not in found or found[name][0] < began:
                found[name] = began, _run(each)
        if not page.next_page_token:
            return {name: run for name, (_, run) in found.items()}
        request.next_page_token = page.next_page_token


async def _described(client: Client, name: str) -> Run | None:
    try:
        seen: Any = await client.get_workflow_handle(name).describe(rpc_timeout=CALL)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return _run(seen.raw_info)


def _run(seen: WorkflowExecutionInfo) -> Run:
    status = WorkflowExecutionStatus.Name(seen.status).removeprefix("WORKFLOW_EXECUTION_STATUS_")
    age = (datetime.now(UTC) - seen.start_time.ToDatetime(tzinfo=UTC)).total_seconds()
    return Run(seen.execution.workflow_id, status, age, seen.history_length)


def _why(error: Exception) -> str:
    cause = error.status.name if isinstance(error, RPCError) else type(error).__name__
    return f"Temporal does not answer ({cause}); see `make status`"
