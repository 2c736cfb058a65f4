"""The order workflows as their starter sees them: start, wait for a point, tell.

Workflow id = order id, and an id is never used twice: a workflow that runs, or ran, is success.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from kit.errors import Problem, unavailable
from kit.temporal import Temporal
from ordermesh.sagas.v1.workflows_pb2 import SagaApproval, SagaReach, SagaSignal, SagaStage
from services.orders import messages
from services.orders.approval import NotAsked
from services.orders.domain import CUSTOMER, Approval, Coordination, Flow, Order, Wait

TYPES: Mapping[Flow, str] = {Flow.STANDARD: "PlaceOrder", Flow.FULFIL: "FulfilOrder"}
STAGES: Mapping[Wait, SagaStage.ValueType] = {
    Wait.STOCK_RESERVED: SagaStage.SAGA_STAGE_RESERVED,
    Wait.FINAL: SagaStage.SAGA_STAGE_DECIDED,
}
CALL_TIMEOUT = timedelta(seconds=5)
_ORDER_STATE = SearchAttributeKey.for_keyword("OrderState")
_CUSTOMER_ID = SearchAttributeKey.for_keyword("CustomerId")
_ORDER_TOTAL = SearchAttributeKey.for_int("OrderTotal")
_COORDINATION = SearchAttributeKey.for_keyword("Coordination")


class StartRefused(Exception):
    """Temporal will never take this start as it is."""


class Workflows:
    """Starts and tells the workflows of orders."""

    def __init__(self, temporal: Temporal, task_queue: str, approval: Approval) -> None:
        self._temporal = temporal
        self._approval = approval
        self._task_queue = task_queue

    async def start(self, order: Order, traceparent: str) -> None:
        """Start it; one that was started before is success. Raises StartRefused, or UNAVAILABLE.

        Of an order whose cancel is wished for already the first thing that it hears is that.
        """
        client = await self._temporal.client()
        try:
            await client.start_workflow(
                TYPES[order.flow],
                messages.to_saga(order, traceparent, self._approval),
                **self._options(order),
                start_signal="cancel" if order.cancel_requested else None,
                start_signal_args=[SagaSignal(reason=CUSTOMER)] if order.cancel_requested else [],
                rpc_timeout=CALL_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise _problem(error) from error

    async def start_and_wait(self, order: Order, traceparent: str, wait: Wait, seconds: float) -> None:
        """Start it and return when it has come so far, or has ended; raises UNAVAILABLE if that is not known
        in so many seconds. The wait has a fixed id, so a repeat joins the first.
        """
        client = await self._temporal.client()
        saga = messages.to_saga(order, traceparent, self._approval)
        operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            TYPES[order.flow], saga, **self._options(order)
        )
        try:
            await client.execute_update_with_start_workflow(
                "reached",
                SagaReach(stage=STAGES[wait]),
                start_workflow_operation=operation,
                id=f"reached-{wait.lower()}",
                rpc_timeout=timedelta(seconds=seconds),
            )
        except WorkflowAlreadyStartedError:
            return
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise unavailable("temporal", "the workflow has not come so far yet") from error
        except RPCError as error:
            raise _problem(error) from error

    async def tell(self, order_id: UUID, signal: str, reason: str) -> bool:
        """Give it a signal; raises UNAVAILABLE. False if there is none that runs: it has ended, or was not
        started yet.
        """
        client = await self._temporal.client()
        handle = client.get_workflow_handle(str(order_id))
        try:
            await handle.signal(signal, SagaSignal(reason=reason), rpc_timeout=CALL_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _problem(error) from error
            return False
        return True

    async def decide(self, order_id: UUID, request_id: UUID, by: UUID, *, approves: bool) -> None:
        """Give it a person's decision, once per request; returns when it has acted on that. Raises
        NotAsked, or UNAVAILABLE.
        """
        client = await self._temporal.client()
        verb = "approve" if approves else "reject"
        try:
            await client.get_workflow_handle(str(order_id)).execute_update(
                verb,
                SagaApproval(decided_by=str(by)),
                id=f"{verb}-{request_id}",
                rpc_timeout=CALL_TIMEOUT,
            )
        except WorkflowUpdateFailedError as error:
            raise NotAsked from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise unavailable("temporal", "the workflow does not answer; try again") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NotAsked from error
            raise _problem(error) from error

    def _options(self, order: Order) -> dict[str, Any]:
        """What every start of an order's workflow has."""
        return {
            "id": str(order.order_id),
            "task_queue": self._task_queue,
            "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
            "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
            "search_attributes": _attributes(order),
            "memo": _memo(order),
            "static_summary": _summary(order),
        }


def _attributes(order: Order) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(_ORDER_STATE, str(order.state)),
            SearchAttributePair(_CUSTOMER_ID, str(order.customer_id)),
            SearchAttributePair(_ORDER_TOTAL, order.total),
            SearchAttributePair(_COORDINATION, str(Coordination.ORCHESTRATION)),
        ]
    )


def _memo(order: Order) -> Mapping[str, str]:
    return {
        "events": f"make events ORDER={order.order_id} SINCE=beginning F=0",
        "mail": f"make mail ORDER={order.order_id}",
    }


def _summary(order: Order) -> str:
    pieces = sum(line.quantity for line in order.lines)
    return f"{pieces} pieces, {order.total / 100:.2f} {order.currency_code}"


def _problem(error: RPCError) -> Exception:
    """Refused for ever, or not there now."""
    if error.status in (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.NOT_FOUND, RPCStatusCode.UNIMPLEMENTED):
        return StartRefused(f"{error.status.name}: {error.message}")
    problem: Problem = unavailable("temporal", "Temporal does not answer; the order goes on when it does")
    return problem
