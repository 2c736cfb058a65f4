"""What a step of a saga is: which activity, and how patiently it is asked for.

Short keyed calls are local activities: one of them costs a tenth of a regular one (ADR 12). They are
repeated when a worker dies, so every participant knows a step's key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

from ordermesh.sagas.v1.workflows_pb2 import SagaStepInput, SagaStepOutput

CALL_SECONDS = 4.0
"""The deadline of an activity's gRPC call; below `START_TO_CLOSE`, so that the call ends first."""
START_TO_CLOSE = timedelta(seconds=5)
"""A dead worker is noticed after this."""
LOCAL_RETRIES = timedelta(seconds=2)
"""Waits between two tries that are longer than this are timers of the server, which a worker may outlive."""
UNTIL_IT_WORKS = RetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=5),
)
"""No number of tries ends it: a refusal does, which its activity marks as not to be repeated."""


@dataclass(frozen=True)
class Step:
    """One step, forward or undo."""

    name: str  # the last part of its key, such as `reserve`
    activity: Callable[[Any, SagaStepInput], Any]
    summary: str  # what the Temporal UI shows
    local: bool = True

    def start(self, what: SagaStepInput) -> workflow.ActivityHandle[SagaStepOutput]:
        """Ask for it; called inside a workflow."""
        if self.local:
            return workflow.start_local_activity_method(
                self.activity,
                what,
                start_to_close_timeout=START_TO_CLOSE,
                local_retry_threshold=LOCAL_RETRIES,
                retry_policy=UNTIL_IT_WORKS,
                summary=self.summary,
            )
        return workflow.start_activity_method(
            self.activity,
            what,
            start_to_close_timeout=START_TO_CLOSE,
            retry_policy=UNTIL_IT_WORKS,
            summary=self.summary,
        )
