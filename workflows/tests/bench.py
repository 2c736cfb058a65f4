"""Runs our workflows in tests: a worker with participants as a test wants them, and orders to start."""

import uuid
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from ordermesh.sagas.v1.workflows_pb2 import OrderSaga, OrderSagaLine, SagaSignal, SagaState
from workflows.fulfil_order.workflow import FulfilOrder
from workflows.place_order.workflow import PlaceOrder
from workflows.tests.participants import Participants

Handle = WorkflowHandle[Any, SagaState]
KEYWORD, INT = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, IndexedValueType.INDEXED_VALUE_TYPE_INT
ATTRIBUTES = {"OrderState": KEYWORD, "CustomerId": KEYWORD, "OrderTotal": INT, "Coordination": KEYWORD}
CUSTOMER = SagaSignal(reason="CANCELLED_BY_CUSTOMER")


async def register(client: Client) -> None:
    """The search attributes, as `make up` does it."""
    request = AddSearchAttributesRequest(namespace="default", search_attributes=ATTRIBUTES)
    await client.operator_service.add_search_attributes(request)


def an_order(*, needs_approval: bool = False, patience: timedelta = timedelta(days=1)) -> OrderSaga:
    """What a workflow is started with."""
    order = OrderSaga(
        order_id=str(uuid.uuid4()),
        customer_id=str(uuid.uuid4()),
        lines=[OrderSagaLine(sku="MUG-BLUE", quantity=2)],
        needs_approval=needs_approval,
    )
    order.total.currency_code, order.total.units = "EUR", 25
    order.approval_timeout.FromTimedelta(patience)
    return order


class Bench:
    """Workers on one server, each on a queue of its own; they stop at the end of the test."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.environment = environment
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Bench":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def start(
        self, workflow: str, participants: Participants, order: OrderSaga | None = None
    ) -> Handle:
        """Start one order's workflow, with a worker of its own."""
        order = order or an_order()
        worker = Worker(
            self.environment.client,
            task_queue=order.order_id,
            workflows=[PlaceOrder, FulfilOrder],
            activities=participants.activities(),
        )
        await self._stack.enter_async_context(worker)
        return await self.environment.client.start_workflow(
            workflow, order, id=order.order_id, task_queue=order.order_id, result_type=SagaState
        )
