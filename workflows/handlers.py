"""What an order's workflow can be told and asked while it runs; the same in every flow."""

from temporalio import workflow

from ordermesh.sagas.v1.workflows_pb2 import SagaReach, SagaSignal, SagaState
from workflows.saga import Saga


class SagaHandlers:
    """Signals, queries and updates. A flow sets `saga` in its constructor, before any of them is called."""

    saga: Saga

    @workflow.signal(name="cancel", description="Somebody wants the order cancelled; the payment decides.")
    def cancel(self, wish: SagaSignal) -> None:
        """Remember it; a repeat changes nothing."""
        self.saga.cancel(wish.reason)

    @workflow.query(name="saga_state", description="Steps done, running and undone; what is waited for.")
    def saga_state(self) -> SagaState:
        """Look at it."""
        return self.saga.state

    @workflow.update(name="reached", description="Waits until the saga has come so far, or to its end.")
    async def reached(self, reach: SagaReach) -> SagaState:
        """Answer when it has."""
        await workflow.wait_condition(lambda: self.saga.has_reached(reach.stage))
        return self.saga.state

    async def ended(self, order_state: str) -> SagaState:
        """The result, once everybody who waited has been answered."""
        state = self.saga.ended(order_state)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return state
