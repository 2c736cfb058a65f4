"""The short flow with two steps in another order: what must not be done without a patch."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from ordermesh.sagas.v1.workflows_pb2 import OrderSaga, SagaState
    from workflows.handlers import SagaHandlers
    from workflows.place_order.policy import CANCEL_PAYMENT, CHARGE, CLOSE, CONFIRM, RELEASE, RESERVE
    from workflows.saga import Saga


@workflow.defn(name="PlaceOrder")
class PlaceOrder(SagaHandlers):
    """Charges before it reserves."""

    @workflow.init
    def __init__(self, order: OrderSaga) -> None:
        self.saga = Saga(order, close=CLOSE, arbiter=CANCEL_PAYMENT)

    @workflow.run
    async def run(self, order: OrderSaga) -> SagaState:
        """The wrong way round."""
        await self.saga.do(CHARGE, undo=CANCEL_PAYMENT)
        await self.saga.do(RESERVE, undo=RELEASE)
        self.saga.decided()
        await self.saga.do(CONFIRM)
        return await self.ended("CONFIRMED")
