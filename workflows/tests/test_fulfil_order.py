"""The long flow: approval and its timeout, every refusal and cancel at every step, the delivery."""

from collections import Counter
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from ordermesh.sagas.v1.workflows_pb2 import SagaPhase, SagaSignal, SagaState
from workflows.tests.bench import CUSTOMER, Bench, Handle, an_order
from workflows.tests.participants import Gate, Participants
from workflows.tests.shapes import OLGA, waits_for

TRIES = 100
"""At most 5 s apart: minutes."""
pytestmark = pytest.mark.processes

TO_THE_PIVOT = ["ReserveStock", "AuthorizePayment", "BookShipment", "CapturePayment"]
AFTER = ["ConfirmOrder", "CommitStock", "SendConfirmation", "DispatchShipment", "ShipOrder", "DeliverOrder"]
UNDO = ["CancelShipment", "CancelPayment", "ReleaseStock", "CloseOrder"]
DONE, UNDONE = SagaPhase.SAGA_PHASE_DONE, SagaPhase.SAGA_PHASE_UNDONE


async def delivered(handle: Handle) -> SagaState:
    await handle.signal("delivered", SagaSignal())
    return await handle.result()


async def test_an_order_goes_forward_to_its_delivery(bench: Bench) -> None:
    participants = Participants()
    handle = await bench.start("FulfilOrder", participants)
    state = await delivered(handle)
    assert (state.phase, participants.effects()) == (DONE, TO_THE_PIVOT + AFTER)


@pytest.mark.parametrize(
    ("refusing", "reason", "undone"),
    [
        ("ReserveStock", "OUT_OF_STOCK", UNDO[2:]),
        ("AuthorizePayment", "PAYMENT_DECLINED", UNDO[1:]),
        ("BookShipment", "SHIPMENT_REFUSED", UNDO),
        # the payment is asked before the shipment is cancelled: it may have been captured
        ("CapturePayment", "PAYMENT_DECLINED", ["CancelPayment", "CancelShipment", *UNDO[2:]]),
    ],
)
async def test_a_refusal_undoes_in_reverse_what_was_begun(
    bench: Bench, refusing: str, reason: str, undone: list[str]
) -> None:
    participants = Participants(refuses={refusing: reason})
    state = await (await bench.start("FulfilOrder", participants)).result()
    assert (state.phase, state.reason) == (UNDONE, reason)
    assert participants.asked == TO_THE_PIVOT[: TO_THE_PIVOT.index(refusing) + 1] + undone


@pytest.mark.parametrize("away", [*TO_THE_PIVOT, *AFTER])
async def test_a_participant_that_is_away_for_long_is_waited_for(bench: Bench, away: str) -> None:
    participants = Participants(away=Counter({away: TRIES}))
    handle = await bench.start("FulfilOrder", participants)
    state = await delivered(handle)
    assert (state.phase, participants.effects()) == (DONE, TO_THE_PIVOT + AFTER)


@pytest.mark.parametrize("step", TO_THE_PIVOT)
async def test_a_cancel_at_any_step_undoes_all(bench: Bench, step: str) -> None:
    participants = Participants(away=Counter({step: 100_000}))
    handle = await bench.start("FulfilOrder", participants)
    await handle.signal("cancel", CUSTOMER)
    state = await handle.result()
    assert (state.phase, state.reason) == (UNDONE, CUSTOMER.reason)
    assert participants.cancelled == CUSTOMER.reason
    assert participants.effects()[-1] == "CloseOrder"
    assert ("CancelShipment" in participants.effects()) == ("BookShipment" in participants.asked)


async def test_a_cancel_after_the_capture_leaves_the_shipment_booked(bench: Bench) -> None:
    gate = Gate()
    participants = Participants(gates={"CapturePayment": gate}, paid=True)
    handle = await bench.start("FulfilOrder", participants)
    await gate.reached.wait()
    await handle.signal("cancel", CUSTOMER)
    state = await delivered(handle)
    gate.opened.set()
    assert (state.phase, "CancelShipment" in participants.asked) == (DONE, False)


async def test_an_approval_lets_the_order_go_on_and_is_given_once(bench: Bench) -> None:
    participants = Participants()
    handle = await bench.start("FulfilOrder", participants, an_order(needs_approval=True))
    await waits_for(handle, "approval")
    await handle.execute_update("approve", OLGA, id="first", result_type=SagaState)
    await handle.execute_update("approve", OLGA, id="first", result_type=SagaState)
    for update in ("approve", "reject"):
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(update, OLGA, result_type=SagaState)
    state = await delivered(handle)
    expected = [*TO_THE_PIVOT[:2], "AwaitApproval", "ResumeOrder", *TO_THE_PIVOT[2:], *AFTER]
    assert (state.phase, participants.effects()) == (DONE, expected)


async def test_a_rejection_undoes_all(bench: Bench) -> None:
    participants = Participants()
    handle = await bench.start("FulfilOrder", participants, an_order(needs_approval=True))
    await waits_for(handle, "approval")
    await handle.execute_update("reject", OLGA, result_type=SagaState)
    state = await handle.result()
    assert (state.phase, state.reason) == (UNDONE, "REJECTED")
    assert participants.effects() == [*TO_THE_PIVOT[:2], "AwaitApproval", *UNDO[1:]]


async def test_an_approval_that_does_not_come_cancels_the_order(bench: Bench) -> None:
    participants = Participants()
    order = an_order(needs_approval=True, patience=timedelta(days=14))
    handle = await bench.start("FulfilOrder", participants, order)
    before = await bench.environment.get_current_time()
    state = await handle.result()
    waited = await bench.environment.get_current_time() - before
    assert (state.phase, state.reason) == (UNDONE, "APPROVAL_TIMED_OUT")
    assert waited >= timedelta(days=14)


async def test_nobody_is_asked_about_an_order_that_needs_no_approval(bench: Bench) -> None:
    participants = Participants()
    handle = await bench.start("FulfilOrder", participants)
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("approve", OLGA, result_type=SagaState)
    assert (await delivered(handle)).phase == DONE
