"""The order saga, long flow: approval by a person, a shipment, the money taken when both are there."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from ordermesh.sagas.v1.workflows_pb2 import OrderSaga, SagaApproval, SagaSignal, SagaStage, SagaState
    from workflows.fulfil_order.policy import (
        ASK_APPROVAL,
        AUTHORISE,
        BOOK,
        CANCEL_SHIPMENT,
        CAPTURE,
        DELIVER,
        DISPATCH,
        RESUME,
        SHIP,
    )
    from workflows.handlers import SagaHandlers
    from workflows.place_order.policy import CANCEL_PAYMENT, CLOSE, COMMIT, CONFIRM, RELEASE, RESERVE, SEND
    from workflows.saga import Saga, StepRefused

REJECTED, TIMED_OUT = "REJECTED", "APPROVAL_TIMED_OUT"


@workflow.defn(name="FulfilOrder")
class FulfilOrder(SagaHandlers):
    """Carries one order. The capture is the pivot: the payment decides every race with a cancel."""

    @workflow.init
    def __init__(self, order: OrderSaga) -> None:
        self.saga = Saga(order, close=CLOSE, arbiter=CANCEL_PAYMENT)
        self._asks = False  # a person
        self._answer = ""
        self._delivered = False

    @workflow.run
    async def run(self, order: OrderSaga) -> SagaState:
        """DELIVERED, paid and sold; or CANCELLED, with nothing held, set aside, booked or moved."""
        saga = self.saga
        try:
            await saga.do(RESERVE, undo=RELEASE)
            saga.tell(SagaStage.SAGA_STAGE_RESERVED)
            await saga.do(AUTHORISE, undo=CANCEL_PAYMENT)
            if order.needs_approval:
                await self._approval(order)
            await saga.do(BOOK, undo=CANCEL_SHIPMENT)
            await saga.do(CAPTURE, undo=CANCEL_PAYMENT)
        except StepRefused as refused:
            if await saga.undone(refused.reason):
                return await self.ended("CANCELLED")
        saga.decided()
        await saga.do(CONFIRM)
        saga.tell(SagaStage.SAGA_STAGE_DECIDED)
        saga.shows("CONFIRMED")
        await saga.do(COMMIT)
        await saga.do(SEND)
        await saga.do(DISPATCH)
        await saga.do(SHIP)
        saga.shows("SHIPPED")
        await saga.wait_for("delivery", lambda: self._delivered)
        await saga.do(DELIVER)
        return await self.ended("DELIVERED")

    async def _approval(self, order: OrderSaga) -> None:
        """Ask a person, for so long. Raises StepRefused: rejected, too late, or cancelled meanwhile."""
        await self.saga.do(ASK_APPROVAL)
        self.saga.shows("AWAITING_APPROVAL")
        self._asks = True
        try:
            timeout = order.approval_timeout.ToTimedelta()
            answered = await self.saga.wait_for("approval", lambda: bool(self._answer), timeout)
            if not answered or self._answer == REJECTED:
                raise StepRefused(REJECTED if answered else TIMED_OUT)
            await self.saga.do(RESUME)
        finally:
            self._asks = False
        self.saga.shows("PENDING")

    @workflow.signal(name="delivered", description="The carrier has brought it.")
    def delivered(self, news: SagaSignal) -> None:
        """Remember it; a repeat changes nothing."""
        self._delivered = True

    @workflow.update(name="approve", description="A person approves.")
    async def approve(self, decision: SagaApproval) -> SagaState:
        """Answer when the order goes on."""
        return await self._decided("APPROVED")

    @workflow.update(name="reject", description="A person rejects: everything is undone.")
    async def reject(self, decision: SagaApproval) -> SagaState:
        """Answer when the undoing has begun."""
        return await self._decided(REJECTED)

    @approve.validator
    def _approve_is_asked(self, decision: SagaApproval) -> None:
        self._must_ask()

    @reject.validator
    def _reject_is_asked(self, decision: SagaApproval) -> None:
        self._must_ask()

    def _must_ask(self) -> None:
        if not self._asks or self._answer:
            raise ValueError("nobody is asked to approve this order now")

    async def _decided(self, answer: str) -> SagaState:
        self._answer = answer
        await workflow.wait_condition(lambda: not self._asks)
        return self.saga.state
