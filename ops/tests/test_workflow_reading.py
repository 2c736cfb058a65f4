"""What Temporal shows of workflows is read whole; one that cannot be asked is said, and nothing made up."""

import os
import uuid
from dataclasses import replace
from typing import Any

import pytest

from ops import workflow_reading
from ops.audit_workflows import Run, Workflows
from ops.errors import SuiteError
from ops.suite import Suite


class Elsewhere:
    """A suite whose Temporal is not there."""

    def address(self, port: str) -> str:
        return "127.0.0.1:1"


async def test_a_temporal_that_is_away_is_said() -> None:
    nowhere: Any = Elsewhere()
    assert "Temporal does not answer" in (await workflow_reading.listed(nowhere)).unseen
    found = await workflow_reading.asked_again(
        nowhere, ["a"], Workflows(runs={"a": Run("a", "RUNNING", 1.0)})
    )
    assert "Temporal does not answer" in found.unseen
    assert found.runs == {}
    with pytest.raises(SuiteError, match="Temporal does not answer"):
        workflow_reading.running(nowhere)


async def test_who_has_no_suspects_is_not_asked_again() -> None:
    nowhere: Any = Elsewhere()
    assert await workflow_reading.asked_again(nowhere, [], Workflows()) == Workflows()


@pytest.mark.suite
async def test_a_running_suite_shows_its_workflows_and_for_how_long_it_keeps_them() -> None:
    suite = Suite.load(os.environ.get("SUITE", "test"))
    found = await workflow_reading.listed(suite)
    assert found.unseen == ""
    assert found.retained == 23 * 3600
    name = str(uuid.uuid4())
    made_up = replace(found, runs={**found.runs, name: Run(name, "RUNNING", 1.0)})
    asked = {name, *list(found.runs)[:3]}
    again = await workflow_reading.asked_again(suite, asked, made_up)
    assert set(again.runs) == set(found.runs)
    assert workflow_reading.running(suite) >= 0
