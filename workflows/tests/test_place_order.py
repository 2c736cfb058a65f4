"""The short flow: every refusal, outage and cancel at every step, with the waiting skipped."""

from collections import Counter

import pytest

from ordermesh.sagas.v1.workflows_pb2 import SagaPhase, SagaReach, SagaStage, SagaState, SagaStepStatus
from workflows.tests.bench import CUSTOMER, Bench
from workflows.tests.participants import Gate, Participants

TRIES = 100
"""At most 5 s apart: minutes."""
pytestmark = pytest.mark.processes

FORWARD = ["ReserveStock", "ProcessPayment", "ConfirmOrder", "CommitStock", "SendConfirmation"]
UNDO = ["CancelPayment", "ReleaseStock", "CloseOrder"]
DONE, UNDONE = SagaPhase.SAGA_PHASE_DONE, SagaPhase.SAGA_PHASE_UNDONE


async def test_an_order_goes_forward_step_by_step(bench: Bench) -> None:
    participants = Participants()
    state = await (await bench.start("PlaceOrder", participants)).result()
    assert (state.phase, state.reason, participants.effects()) == (DONE, "", FORWARD)
    assert [step.name for step in state.steps] == [
        "reserve", "charge", "confirm", "commit", "send-confirmation",
    ]  # fmt: skip
    assert {step.status for step in state.steps} == {SagaStepStatus.SAGA_STEP_STATUS_DONE}


@pytest.mark.parametrize(
    ("refusing", "reason", "undone"),
    [
        ("ReserveStock", "OUT_OF_STOCK", ["ReleaseStock", "CloseOrder"]),
        ("ProcessPayment", "PAYMENT_DECLINED", UNDO),
    ],
)
async def test_a_refusal_undoes_in_reverse_what_was_begun(
    bench: Bench, refusing: str, reason: str, undone: list[str]
) -> None:
    participants = Participants(refuses={refusing: reason})
    state = await (await bench.start("PlaceOrder", participants)).result()
    assert (state.phase, state.reason) == (UNDONE, reason)
    begun = FORWARD[: FORWARD.index(refusing) + 1]
    assert participants.asked == begun + undone


@pytest.mark.parametrize("away", FORWARD)
async def test_a_participant_that_is_away_for_long_is_waited_for(bench: Bench, away: str) -> None:
    participants = Participants(away=Counter({away: TRIES}))
    state = await (await bench.start("PlaceOrder", participants)).result()
    assert (state.phase, participants.effects()) == (DONE, FORWARD)
    assert participants.asked.count(away) == TRIES + 1


@pytest.mark.parametrize("away", UNDO)
async def test_each_undo_is_repeated_until_it_works(bench: Bench, away: str) -> None:
    participants = Participants({"ProcessPayment": "PAYMENT_DECLINED"}, away=Counter({away: TRIES}))
    state = await (await bench.start("PlaceOrder", participants)).result()
    assert (state.phase, participants.effects()) == (UNDONE, ["ReserveStock", *UNDO])


async def test_a_cancel_while_the_charge_is_open_is_decided_by_the_payment(bench: Bench) -> None:
    gate = Gate()
    participants = Participants(gates={"ProcessPayment": gate})
    handle = await bench.start("PlaceOrder", participants)
    await gate.reached.wait()
    await handle.signal("cancel", CUSTOMER)
    await handle.signal("cancel", CUSTOMER)
    state = await handle.result()
    gate.opened.set()
    assert (state.phase, state.reason) == (UNDONE, CUSTOMER.reason)
    assert participants.effects() == ["ReserveStock", *UNDO]


async def test_a_cancel_that_comes_after_the_charge_is_too_late(bench: Bench) -> None:
    gate = Gate()
    participants = Participants(gates={"ProcessPayment": gate}, paid=True)
    handle = await bench.start("PlaceOrder", participants)
    await gate.reached.wait()
    await handle.signal("cancel", CUSTOMER)
    state = await handle.result()
    gate.opened.set()
    assert (state.phase, state.reason, state.cancel_requested) == (DONE, "", False)
    assert participants.effects() == [step for step in FORWARD if step != "ProcessPayment"]


async def test_a_cancel_before_anything_was_done_asks_the_payment_first(bench: Bench) -> None:
    participants = Participants(away=Counter({"ReserveStock": 10_000}))
    handle = await bench.start("PlaceOrder", participants)
    await handle.signal("cancel", CUSTOMER)
    state = await handle.result()
    assert (state.phase, state.reason) == (UNDONE, CUSTOMER.reason)
    assert participants.effects() == UNDO


async def test_who_waits_for_a_point_is_answered_when_it_is_reached(bench: Bench) -> None:
    gate = Gate()
    participants = Participants(gates={"ProcessPayment": gate})
    handle = await bench.start("PlaceOrder", participants)
    reserved = await handle.execute_update(
        "reached", SagaReach(stage=SagaStage.SAGA_STAGE_RESERVED), result_type=SagaState
    )
    assert [(step.name, step.detail) for step in reserved.steps][:1] == [("reserve", "RESERVED")]
    await gate.reached.wait()
    seen = await handle.query("saga_state", result_type=SagaState)
    assert (seen.phase, seen.waiting_for) == (SagaPhase.SAGA_PHASE_FORWARD, "charge")
    gate.opened.set()
    decided = await handle.execute_update(
        "reached", SagaReach(stage=SagaStage.SAGA_STAGE_DECIDED), result_type=SagaState
    )
    assert decided.phase in (SagaPhase.SAGA_PHASE_DECIDED, DONE)
    assert (await handle.result()).phase == DONE
