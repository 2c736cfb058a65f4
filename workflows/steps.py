"""What a step of a saga is: which activity, and how patiently it is asked for.

Short keyed calls are local activities: one of them costs a tenth of a regular one (ADR 12). They are
repeated when a worker dies, so every participant knows a step's key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
)

from ordermesh.sagas.v1.workflows_pb2 import SagaStepInput, SagaStepOutput

CALL_SECONDS = 4.0
"""The deadline of an activity's gRPC call; below `START_TO_CLOSE`, so that the call ends first."""
START_TO_CLOSE = timedelta(seconds=5)
"""A dead worker is noticed after this."""
LOCAL_TRIES = 3
"""What a local activity does not get done in so many becomes a regular one: the UI shows that it is waited
for, and its tries leave nothing in the history, so that an outage of days does not fill it.
"""
UNTIL_IT_WORKS = RetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=5),
)
"""No number of tries ends it: a refusal does, which its activity marks as not to be repeated."""


@dataclass(frozen=True)
class Step:
    """One step, forward or undo. A short one is tried as a local activity first."""

    name: str  # the last part of its key, such as `reserve`
    activity: Callable[[Any, SagaStepInput], Any]
    summary: str  # what the Temporal UI shows
    short: bool = True

    def start(self, what: SagaStepInput) -> asyncio.Task[SagaStepOutput]:
        """Ask for it; called inside a workflow. The task ends with the answer, or with its FailureError."""
        return asyncio.create_task(self._asked(what))

    async def _asked(self, what: SagaStepInput) -> SagaStepOutput:
        if self.short:
            try:
                return await self._locally(what)
            except FailureError as error:
                if _is_decided(error):
                    raise
        return await self._on_the_server(what)

    async def _locally(self, what: SagaStepInput) -> SagaStepOutput:
        answer: SagaStepOutput = await workflow.execute_local_activity_method(
            self.activity,
            what,
            start_to_close_timeout=START_TO_CLOSE,
            retry_policy=replace(UNTIL_IT_WORKS, maximum_attempts=LOCAL_TRIES),
            summary=self.summary,
        )
        return answer

    async def _on_the_server(self, what: SagaStepInput) -> SagaStepOutput:
        answer: SagaStepOutput = await workflow.execute_activity_method(
            self.activity,
            what,
            start_to_close_timeout=START_TO_CLOSE,
            retry_policy=UNTIL_IT_WORKS,
            summary=self.summary,
        )
        return answer


def cause_of(error: FailureError) -> BaseException | None:
    """What made an activity fail; a local one may raise it bare."""
    return error.cause if isinstance(error, ActivityError) else error


def _is_decided(error: FailureError) -> bool:
    """Whether asking again is of no use; otherwise only the tries of the local activity are used up."""
    cause = cause_of(error)
    return isinstance(cause, CancelledError) or (isinstance(cause, ApplicationError) and cause.non_retryable)
