"""The shapes that a history of our workflows can have: each is played once, kept, and replayed for ever."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ordermesh.sagas.v1.workflows_pb2 import SagaApproval, SagaReach, SagaSignal, SagaStage, SagaState
from workflows.tests.bench import CUSTOMER, Handle
from workflows.tests.participants import Gate, Participants

OLGA = SagaApproval(decided_by="00000000-0000-4000-8000-00000000001a")
Play = Callable[[Handle, Participants], Awaitable[None]]


async def leave(handle: Handle, participants: Participants) -> None:
    """Nobody interferes."""


async def waits_for(handle: Handle, what: str) -> None:
    """Ask until the saga waits for that."""
    while (await handle.query("saga_state", result_type=SagaState)).waiting_for != what:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def deliver(handle: Handle, participants: Participants) -> None:
    """The carrier brings it."""
    await handle.signal("delivered", SagaSignal())


async def approve(handle: Handle, participants: Participants) -> None:
    """A person approves, then the carrier brings it."""
    await waits_for(handle, "approval")
    await handle.execute_update("approve", OLGA, result_type=SagaState)
    await deliver(handle, participants)


async def reject(handle: Handle, participants: Participants) -> None:
    """A person rejects."""
    await waits_for(handle, "approval")
    await handle.execute_update("reject", OLGA, result_type=SagaState)


async def cancel(handle: Handle, participants: Participants) -> None:
    """The customer cancels at once."""
    await handle.signal("cancel", CUSTOMER)


async def cancel_when_asked(handle: Handle, participants: Participants) -> None:
    """The customer cancels while a person is asked."""
    await waits_for(handle, "approval")
    await handle.signal("cancel", CUSTOMER)


async def cancel_at_the_gate(handle: Handle, participants: Participants) -> None:
    """The customer cancels while the one gate is closed; it opens when the saga has ended."""
    (gate,) = participants.gates.values()
    await gate.reached.wait()
    await handle.signal("cancel", CUSTOMER)


async def wait_at_both_points(handle: Handle, participants: Participants) -> None:
    """A caller waits for the stock, then for the decision."""
    for stage in (SagaStage.SAGA_STAGE_RESERVED, SagaStage.SAGA_STAGE_DECIDED):
        await handle.execute_update("reached", SagaReach(stage=stage), result_type=SagaState)


@dataclass(frozen=True)
class Shape:
    """One: which flow, what the participants do, who interferes."""

    flow: str
    participants: Callable[[], Participants] = Participants
    play: Play = leave
    needs_approval: bool = False
    patience: timedelta = timedelta(days=1)
    ends: str = field(default="SAGA_PHASE_DONE")


def refusing(name: str, reason: str) -> Callable[[], Participants]:
    return lambda: Participants({name: reason})


def away(name: str) -> Callable[[], Participants]:
    """For six tries: the last pauses are longer than the worker waits for itself."""
    return lambda: Participants(away=Counter({name: 6}))


def gated(name: str, *, paid: bool) -> Callable[[], Participants]:
    return lambda: Participants(gates={name: Gate()}, paid=paid)


UNDONE = "SAGA_PHASE_UNDONE"
SHAPES: Mapping[str, Shape] = {
    "place_confirmed": Shape("PlaceOrder"),
    "place_waited_for": Shape("PlaceOrder", play=wait_at_both_points),
    "place_out_of_stock": Shape("PlaceOrder", refusing("ReserveStock", "OUT_OF_STOCK"), ends=UNDONE),
    "place_declined": Shape("PlaceOrder", refusing("ProcessPayment", "PAYMENT_DECLINED"), ends=UNDONE),
    "place_inventory_away": Shape("PlaceOrder", away("ReserveStock")),
    "place_payments_away": Shape("PlaceOrder", away("ProcessPayment")),
    "place_cancelled_early": Shape(
        "PlaceOrder", lambda: Participants(away=Counter({"ReserveStock": 10_000})), cancel, ends=UNDONE
    ),
    "place_cancelled_in_charge": Shape(
        "PlaceOrder", gated("ProcessPayment", paid=False), cancel_at_the_gate, ends=UNDONE
    ),
    "place_cancelled_too_late": Shape("PlaceOrder", gated("ProcessPayment", paid=True), cancel_at_the_gate),
    "fulfil_delivered": Shape("FulfilOrder", play=deliver),
    "fulfil_approved": Shape("FulfilOrder", play=approve, needs_approval=True),
    "fulfil_rejected": Shape("FulfilOrder", play=reject, needs_approval=True, ends=UNDONE),
    "fulfil_approval_timed_out": Shape(
        "FulfilOrder", needs_approval=True, patience=timedelta(seconds=1), ends=UNDONE
    ),
    "fulfil_cancelled_when_asked": Shape(
        "FulfilOrder", play=cancel_when_asked, needs_approval=True, ends=UNDONE
    ),
    "fulfil_declined": Shape("FulfilOrder", refusing("AuthorizePayment", "PAYMENT_DECLINED"), ends=UNDONE),
    "fulfil_no_carrier": Shape("FulfilOrder", refusing("BookShipment", "SHIPMENT_REFUSED"), ends=UNDONE),
    "fulfil_cancelled_in_capture": Shape(
        "FulfilOrder", gated("CapturePayment", paid=False), cancel_at_the_gate, ends=UNDONE
    ),
}
