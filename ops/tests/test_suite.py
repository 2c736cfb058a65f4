"""A running suite keeps itself running; asked of the one that SUITE names."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import pytest
from rich.console import Console

from ops import control, state, status, up
from ops import suite as suite_module
from ops.errors import SuiteError
from ops.suite import Suite
from ops.supervision import Supervisor

pytestmark = pytest.mark.suite
# a part that nothing else depends on, so that other tests are not disturbed
PART = "mail"


@pytest.fixture
def suite() -> Iterator[Suite]:
    running = Suite.load(os.environ.get("SUITE", "test"))
    running.require_running()
    yield running
    running.override(PART, {})
    running.stop(PART)
    running.start(PART)
    running.wait_ready(PART)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_a_killed_part_is_started_again(suite: Suite) -> None:
    before = suite.pid(PART)
    suite.kill(PART)
    suite.wait_ready(PART)
    assert suite.pid(PART) not in (0, before)


def test_a_stopped_part_stays_down_and_says_so(suite: Suite) -> None:
    suite.stop(PART)
    assert suite.pid(PART) == 0
    assert suite.health(PART) == f"port {suite.ports['smtp']} (smtp) does not answer"


def test_a_start_before_the_end_of_a_stop_is_not_lost(suite: Suite) -> None:
    before = suite.pid(PART)
    Supervisor(suite.site)._ask(
        "stopProcess", PART, False
    )  # as one leaves it who presses Ctrl-C while it waits
    suite.start(PART)
    suite.wait_ready(PART)
    assert suite.pid(PART) not in (0, before)


def test_a_restarted_part_is_a_new_process(suite: Suite, console: Console) -> None:
    before = suite.pid(PART)
    assert control.restart(suite.name, PART, console) == 0
    assert suite.pid(PART) not in (0, before)


def test_a_second_start_changes_nothing_that_runs(suite: Suite, console: Console) -> None:
    before = {name: found.pid for name, found in suite.states().items()}
    assert up.up(suite.name, console) == 0
    assert {name: found.pid for name, found in suite.states().items()} == before


def test_a_second_start_brings_back_a_part_that_is_down(suite: Suite, console: Console) -> None:
    suite.stop(PART)
    assert up.up(suite.name, console) == 0
    assert suite.health(PART) is None


def test_a_part_that_cannot_start_is_explained_by_its_log(
    suite: Suite, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite_module, "CRASHING_SECONDS", 1.0)
    suite.override(PART, {"MAIL_LISTEN": "127.0.0.1:nonsense"})
    with pytest.raises(SuiteError, match=r"ends right after each start(.|\n)*nonsense"):
        control.restart(suite.name, PART, console)


def test_the_status_lists_every_part_as_healthy(suite: Suite, console: Console) -> None:
    assert status.status(suite.name, console) == 0
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert all(name in shown for name in suite.parts)
    assert shown.count("healthy") == len(suite.parts)


def test_an_unknown_part_is_refused_with_the_names_there_are(suite: Suite) -> None:
    with pytest.raises(SuiteError, match="there are: kafka, postgres"):
        suite.start("nonsense")


def test_payload_keys_do_not_change_while_the_suite_runs(
    suite: Suite, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYLOAD_KEYS", f"never:{'A' * 43}=")
    with pytest.raises(SuiteError, match="other payload keys; first `make down`"):
        up.up(suite.name, console)
    assert state.payload_keys(suite.directory) == suite.site.payload_keys
