"""A saga in progress: steps forward, the undo of each remembered before, and what can be seen of it.

Runs inside a workflow, so it has no clock, no chance and no I/O of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from ordermesh.sagas.v1.workflows_pb2 import (
    OrderSaga,
    SagaPhase,
    SagaStage,
    SagaState,
    SagaStep,
    SagaStepInput,
    SagaStepOutput,
    SagaStepStatus,
)
from workflows.attributes import ORDER_STATE
from workflows.participants import TOO_LATE
from workflows.steps import Step, cause_of

ENDED = (SagaPhase.SAGA_PHASE_DONE, SagaPhase.SAGA_PHASE_UNDONE)


class StepRefused(Exception):
    """A participant has decided against the step, or somebody wants the order cancelled: undo."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Saga:
    """One order's saga. `close` is the undo of the order itself, the last of all. The `arbiter`, that of
    the payment, is the first of all if somebody wants the order cancelled.
    """

    def __init__(self, order: OrderSaga, close: Step, arbiter: Step) -> None:
        self._order = order
        self._arbiter = arbiter
        self._undo = [close]
        self._cancel = ""
        self._reached: set[SagaStage.ValueType] = set()
        self._state = SagaState(order_id=order.order_id, phase=SagaPhase.SAGA_PHASE_FORWARD)

    @property
    def state(self) -> SagaState:
        """What can be seen of it now."""
        return self._state

    def cancel(self, reason: str) -> None:
        """Somebody wants the order cancelled; the first reason stays. Whether it is, the payment decides."""
        if self._state.phase == SagaPhase.SAGA_PHASE_FORWARD and not self._cancel:
            self._cancel = reason
            self._state.cancel_requested = True

    def tell(self, stage: SagaStage.ValueType) -> None:
        """So far it has come: whoever waits for that is answered."""
        self._reached.add(stage)

    def has_reached(self, stage: SagaStage.ValueType) -> bool:
        """Whether a caller who waits for this can be answered."""
        return stage in self._reached or self._state.phase in ENDED

    async def do(self, step: Step, undo: Step | None = None) -> None:
        """Do a step, with its undo remembered first. Raises StepRefused; then `undone` is next."""
        if undo is not None:
            self._undo.append(undo)
        self._give_up_if_cancelled()
        seen = self._begin(step.name)
        asked = step.start(SagaStepInput(order=self._order))
        await workflow.wait_condition(lambda: asked.done() or self._wants_out())
        if not asked.done():
            asked.cancel()
            asked.add_done_callback(_unheard)
            self._settle(seen, SagaStepStatus.SAGA_STEP_STATUS_FAILED, self._cancel)
            self._give_up_if_cancelled()
        try:
            output = await asked
        except FailureError as error:
            reason = _reason(error)
            self._settle(seen, SagaStepStatus.SAGA_STEP_STATUS_FAILED, reason)
            raise StepRefused(reason) from error
        self._settle(seen, SagaStepStatus.SAGA_STEP_STATUS_DONE, output.state)

    async def wait_for(self, name: str, there: Callable[[], bool], timeout: timedelta | None = None) -> bool:
        """Wait for what somebody else does; False if the time is over first. Raises StepRefused."""
        seen = self._begin(name)
        try:
            await workflow.wait_condition(
                lambda: there() or self._wants_out(), timeout=timeout, timeout_summary=f"Patience: {name}"
            )
        except TimeoutError:
            self._settle(seen, SagaStepStatus.SAGA_STEP_STATUS_FAILED, "TIMED_OUT")
            return False
        if not there():
            self._settle(seen, SagaStepStatus.SAGA_STEP_STATUS_FAILED, self._cancel)
            self._give_up_if_cancelled()
        self._settle(seen, SagaStepStatus.SAGA_STEP_STATUS_DONE, "")
        return True

    def decided(self) -> None:
        """The pivot is behind: from here on nothing is undone, and a wish to cancel comes too late."""
        self._state.phase = SagaPhase.SAGA_PHASE_DECIDED
        self._state.cancel_requested = False
        self._undo.clear()

    async def undone(self, reason: str) -> bool:
        """Undo in reverse, each until it works. False if the payment says that the charge was first: then
        nothing is undone, and the saga goes forward.
        """
        self._state.phase = SagaPhase.SAGA_PHASE_UNDOING
        self._state.reason = reason
        for step in dict.fromkeys(reversed(self._undo)):  # one that was remembered twice comes first
            seen = self._begin(step.name, SagaStepStatus.SAGA_STEP_STATUS_UNDOING)
            try:
                output = await step.start(SagaStepInput(order=self._order, reason=reason))
            except FailureError as error:
                if _reason(error) != TOO_LATE:
                    raise
                self._settle(seen, SagaStepStatus.SAGA_STEP_STATUS_FAILED, TOO_LATE)
                self._state.reason = ""
                return False
            self._settle(seen, SagaStepStatus.SAGA_STEP_STATUS_UNDONE, output.state)
        return True

    def ended(self, order_state: str) -> SagaState:
        """The end, with the order in this state."""
        done = self._state.phase == SagaPhase.SAGA_PHASE_DECIDED
        self._state.phase = SagaPhase.SAGA_PHASE_DONE if done else SagaPhase.SAGA_PHASE_UNDONE
        self._state.cancel_requested = False
        self.shows(order_state)
        return self._state

    def shows(self, order_state: str) -> None:
        """Let the order's state be searched for."""
        workflow.upsert_search_attributes([ORDER_STATE.value_set(order_state)])

    def _wants_out(self) -> bool:
        return bool(self._cancel) and self._state.phase == SagaPhase.SAGA_PHASE_FORWARD

    def _give_up_if_cancelled(self) -> None:
        if self._wants_out():
            self._undo.append(self._arbiter)
            raise StepRefused(self._cancel)

    def _begin(
        self,
        name: str,
        status: SagaStepStatus.ValueType = SagaStepStatus.SAGA_STEP_STATUS_RUNNING,
    ) -> SagaStep:
        seen = self._state.steps.add(name=name, status=status)
        seen.since.FromDatetime(workflow.now())
        self._state.waiting_for = name
        self._state.waiting_since.CopyFrom(seen.since)
        return seen

    def _settle(self, seen: SagaStep, status: SagaStepStatus.ValueType, detail: str) -> None:
        seen.status = status
        seen.detail = detail
        seen.since.FromDatetime(workflow.now())
        self._state.waiting_for = ""
        self._state.ClearField("waiting_since")


def _unheard(asked: asyncio.Task[SagaStepOutput]) -> None:
    """Whatever becomes of a step that was given up: the payment's answer counts."""
    if not asked.cancelled():
        asked.exception()


def _reason(error: FailureError) -> str:
    """Why a participant refused: the type of its activity's failure."""
    cause = cause_of(error)
    return (cause.type or "") if isinstance(cause, ApplicationError) else type(cause).__name__.upper()
