"""`make doors`: the same order by each door of the running suite."""

import os
import subprocess
import sys

import pytest

from ops.suite import Suite

pytestmark = [pytest.mark.suite, pytest.mark.timeout(300)]


def run(suite: Suite, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ops.cli", "doors"],
        cwd=suite.site.root,
        env={**os.environ, "SUITE": suite.name, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_door_places_its_orders_and_is_a_row(suite: Suite) -> None:
    done = run(suite, N="4")
    assert done.returncode == 0, done.stdout + done.stderr
    first, heading, *rows = done.stdout.splitlines()
    assert first == "4 synchronous orders by each door, one at a time, in 4 turns"
    assert [row.split()[0] for row in rows] == ["gRPC", "REST", "GraphQL"]
    assert all(float(figure) for row in rows for figure in row.split()[1:5]), heading


def test_fewer_orders_than_turns_are_refused(suite: Suite) -> None:
    done = run(suite, N="3")
    assert done.returncode != 0
    assert "N" in done.stdout + done.stderr
