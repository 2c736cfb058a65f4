"""`make record-histories`: plays every shape on a real Temporal server and keeps its history.

Run it when a flow has been changed on purpose, together with a patch or a new worker version: the histories
that were there before must go on to replay, so new ones get names of their own (`docs/adr/0014-…`).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from kit.payloads import data_converter
from ordermesh.sagas.v1.workflows_pb2 import SagaPhase
from workflows.tests.bench import Bench, an_order, register
from workflows.tests.shapes import SHAPES, Shape

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = Path(__file__).parent / "histories"
SERVER = ROOT / "var" / "venv" / "servers" / "bin" / "temporal"


async def played(bench: Bench, shape: Shape) -> WorkflowHistory:
    """The history of one order that goes that way."""
    participants = shape.participants()
    order = an_order(needs_approval=shape.needs_approval, patience=shape.patience)
    handle = await bench.start(shape.flow, participants, order)
    await shape.play(handle, participants)
    state = await handle.result()
    for gate in participants.gates.values():
        gate.opened.set()
    assert SagaPhase.Name(state.phase) == shape.ends, (shape, state)
    return await handle.fetch_history()


def without_places(value: Any) -> Any:
    """The history without the traces that name folders of the machine it was recorded on."""
    if isinstance(value, dict):
        return {key: without_places(item) for key, item in value.items() if key != "stackTrace"}
    return [without_places(item) for item in value] if isinstance(value, list) else value


async def record() -> None:
    """Write every history that is not there yet; `--all` writes all of them anew."""
    started = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(SERVER),
        data_converter=data_converter(),
        dev_server_log_level="error",
        identity="recorder",
    )
    async with started as environment:
        await register(environment.client)
        for name, shape in SHAPES.items():
            path = HISTORIES / f"{name}.json"
            if path.exists() and "--all" not in sys.argv:
                continue
            async with Bench(environment) as bench:
                history = await played(bench, shape)
            path.write_text(json.dumps(without_places(json.loads(history.to_json())), indent=1) + "\n")
            print(f"{name}: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(record())
