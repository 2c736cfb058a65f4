"""Every recorded history replays with today's code: an order that is under way survives an update."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from kit.payloads import data_converter
from workflows.fulfil_order.workflow import FulfilOrder
from workflows.place_order.workflow import PlaceOrder
from workflows.tests.changed import PlaceOrder as Changed
from workflows.tests.record import HISTORIES
from workflows.tests.shapes import SHAPES

RECORDED = sorted(HISTORIES.glob("*.json"))


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


def test_every_shape_is_recorded() -> None:
    assert {path.stem for path in RECORDED} >= set(SHAPES)
    assert len(SHAPES) >= 12


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    replayer = Replayer(workflows=[PlaceOrder, FulfilOrder], data_converter=data_converter())
    await replayer.replay_workflow(history(path))


async def test_a_flow_that_was_changed_without_a_patch_does_not_replay() -> None:
    replayer = Replayer(workflows=[Changed], data_converter=data_converter())
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(history(HISTORIES / "place_confirmed.json"))
