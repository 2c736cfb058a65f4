"""Processes of a suite are found and ended also without supervisor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import processes

WAIT = "import sys, time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAIT


@pytest.fixture
def left(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", request.param],
        env={"ORDERMESH_SUITE_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


@pytest.mark.parametrize("left", [WAIT], indirect=True)
def test_a_process_left_behind_is_found_by_its_suite_only(
    left: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert [process.pid for process in processes.left_behind(tmp_path)] == [left.pid]
    assert processes.left_behind(tmp_path / "another") == []


@pytest.mark.parametrize("left", [WAIT], indirect=True)
def test_a_process_left_behind_is_ended(left: subprocess.Popen[str], tmp_path: Path) -> None:
    processes.end(processes.left_behind(tmp_path))
    assert processes.left_behind(tmp_path) == []


@pytest.mark.parametrize("left", [STUBBORN], indirect=True)
def test_a_process_that_ignores_the_request_is_killed(
    left: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.3)
    processes.end(processes.left_behind(tmp_path))
    assert processes.left_behind(tmp_path) == []


@pytest.mark.parametrize("left", [WAIT], indirect=True)
def test_the_memory_of_a_running_process_is_more_than_nothing(left: subprocess.Popen[str]) -> None:
    assert processes.memory(processes.family(left.pid)) > 1_000_000
