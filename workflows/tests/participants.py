"""The participants as a workflow sees them: each activity answers as its service's table says.

Tests of workflows need hours of outage and a refusal at every step; the real services behind the real
activities are in `tests/sagas`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from ordermesh.sagas.v1.workflows_pb2 import SagaStepInput, SagaStepOutput

STATES: Mapping[str, str] = {
    "ReserveStock": "RESERVED",
    "ReleaseStock": "RELEASED",
    "CommitStock": "COMMITTED",
    "ProcessPayment": "CHARGED",
    "CancelPayment": "VOIDED",
    "ConfirmOrder": "CONFIRMED",
    "CloseOrder": "CANCELLED",
    "SendConfirmation": "RECORDED",
    "AuthorizePayment": "AUTHORIZED",
    "CapturePayment": "CHARGED",
    "BookShipment": "BOOKED",
    "CancelShipment": "CANCELLED",
    "DispatchShipment": "IN_TRANSIT",
    "AwaitApproval": "AWAITING_APPROVAL",
    "ResumeOrder": "PENDING",
    "ShipOrder": "SHIPPED",
    "DeliverOrder": "DELIVERED",
}
BENIGN = ApplicationErrorCategory.BENIGN
PIVOTS = ("ProcessPayment", "CapturePayment")


@dataclass
class Gate:
    """Where an activity waits for the test."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Participants:
    """What they are told to do, and what they were asked.

    `refuses`: activity → reason; `away`: activity → how many tries find nobody; `gates`: activity → where it
    waits; `paid`: the charge has been done, though its answer may never come.
    """

    refuses: Mapping[str, str] = field(default_factory=dict)
    away: Counter[str] = field(default_factory=Counter)
    gates: Mapping[str, Gate] = field(default_factory=dict)
    paid: bool = False
    cancelled: str = ""
    asked: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def activities(self) -> list[Callable[..., Any]]:
        """One for each name, as the worker registers them."""
        return [self._activity(name) for name in STATES]

    def effects(self) -> list[str]:
        """What was done, each once: a local activity is repeated with its workflow task."""
        return list(dict.fromkeys(self.done))

    def _activity(self, name: str) -> Callable[..., Any]:
        @activity.defn(name=name)
        async def answer(step: SagaStepInput) -> SagaStepOutput:
            return await self._answer(name, step)

        return answer

    async def _answer(self, name: str, step: SagaStepInput) -> SagaStepOutput:
        self.asked.append(name)
        if gate := self.gates.get(name):
            gate.reached.set()
            await gate.opened.wait()
        if self.away[name] > 0:
            self.away[name] -= 1
            raise ApplicationError("nobody there", type="UNAVAILABLE", category=BENIGN)
        if refusal := self._refusal(name):
            raise ApplicationError(refusal, type=refusal, non_retryable=True, category=BENIGN)
        self._note(name, step)
        self.done.append(name)
        return SagaStepOutput(state=STATES[name])

    def _refusal(self, name: str) -> str:
        if name == "CancelPayment" and self.paid:
            return "ORDER_NOT_CANCELLABLE"
        if name in PIVOTS and self.cancelled:
            return self.cancelled
        return self.refuses.get(name, "")

    def _note(self, name: str, step: SagaStepInput) -> None:
        if name in PIVOTS:
            self.paid = True
        if name == "CancelPayment":
            self.cancelled = step.reason
