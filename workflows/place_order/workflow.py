"""The order saga, short flow: reserve the stock, charge, confirm. `docs/sagas.md` has the tables."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from ordermesh.sagas.v1.workflows_pb2 import OrderSaga, SagaStage, SagaState
    from workflows.handlers import SagaHandlers
    from workflows.place_order.policy import (
        CANCEL_PAYMENT,
        CHARGE,
        CLOSE,
        COMMIT,
        CONFIRM,
        RELEASE,
        RESERVE,
        SEND,
    )
    from workflows.saga import Saga, StepRefused


@workflow.defn(name="PlaceOrder")
class PlaceOrder(SagaHandlers):
    """Carries one order. The charge is the pivot: the payment decides every race with a cancel."""

    @workflow.init
    def __init__(self, order: OrderSaga) -> None:
        self.saga = Saga(order, close=CLOSE, arbiter=CANCEL_PAYMENT)

    @workflow.run
    async def run(self, order: OrderSaga) -> SagaState:
        """CONFIRMED, paid and sold; or CANCELLED, with nothing held and no money moved."""
        saga = self.saga
        try:
            await saga.do(RESERVE, undo=RELEASE)
            saga.tell(SagaStage.SAGA_STAGE_RESERVED)
            await saga.do(CHARGE, undo=CANCEL_PAYMENT)
        except StepRefused as refused:
            if await saga.undone(refused.reason):
                return await self.ended("CANCELLED")
        saga.decided()
        await saga.do(CONFIRM)
        saga.tell(SagaStage.SAGA_STAGE_DECIDED)
        await saga.do(COMMIT)
        await saga.do(SEND)
        return await self.ended("CONFIRMED")
