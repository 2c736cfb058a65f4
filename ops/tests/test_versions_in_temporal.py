"""Builds of the real worker on a real Temporal: what one has begun it ends, whatever is current meanwhile."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from kit.payloads import data_converter
from ops import builds, down, processes, programs, state, topology, up, versions, workers
from ops.site import Site
from ops.suite import Suite
from ops.tests.conftest import free_ports

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]
DRAINED_SECONDS = 60.0
# in the place of the short flow; each word is a build, and none could replay what another has begun
FLOW = """
from temporalio import workflow

@workflow.defn(name="PlaceOrder")
class PlaceOrder:
    def __init__(self) -> None:
        self._may_end = False

    @workflow.run
    async def run(self) -> str:
        for _ in range({timers}):
            await workflow.sleep(0.01)
        await workflow.wait_condition(lambda: self._may_end)
        return "{word}"

    @workflow.signal
    def end(self) -> None:
        self._may_end = True
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A checkout of its own with the real worker, and a suite in it, as supervisor runs it."""
    root = tmp_path / "checkout"
    shutil.copytree(state.ROOT / "workflows", root / "workflows", ignore=shutil.ignore_patterns("tests"))
    for name in ("kit", "ops", "protos", "var/venv"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to((state.ROOT / name).resolve())
    names = list(topology.DEFAULT_PORTS)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    passwords = {name: f"password-of-{name}" for name in ("postgres", "supervisor", *topology.SERVICES)}
    # without the mesh: sockets are relative to the checkout, and this process works in another one
    found = programs.find(state.ROOT, os.environ)
    made = Site(root, "scratch", ports, passwords, found, mesh=False)
    for folder in state.FOLDERS:
        (made.directory / folder).mkdir(parents=True)
    write(made, "first", timers=1)
    yield made
    suite = Suite(made)
    if suite.supervisor.is_running():
        down.stop_parts(suite)
        down.stop_supervisor(suite)
    processes.end(processes.left_behind(made.directory))


def write(site: Site, word: str, timers: int) -> None:
    flow = site.root / "workflows" / "place_order" / "workflow.py"
    flow.write_text(FLOW.format(word=word, timers=timers))


def bring(site: Site, versioned: str = "") -> tuple[Suite, list[str]]:
    """What `make up` does about Temporal and the workers; the suite, and which parts failed."""
    suite = Suite(versions.choose(site, {"VERSIONED": versioned}))
    suite.parts = {part.name: part for part in suite.parts.values() if part.name == "temporal"}
    suite.parts |= {part.name: part for part in workers.parts(suite.site)}
    failures, _ = up.bring(suite, Console(file=io.StringIO()))
    return suite, [failure.part for failure in failures]


def ask(site: Site, work: Callable[[Client], Any]) -> Any:
    async def done() -> Any:
        client = await Client.connect(site.address("temporal"), data_converter=data_converter())
        async with asyncio.timeout(30):
            return await work(client)

    return asyncio.run(done())


def begin(site: Site) -> str:
    """A workflow that waits; it is some worker's as soon as that has completed a task of it."""

    async def work(client: Client) -> str:
        handle = await client.start_workflow("PlaceOrder", id=str(uuid.uuid4()), task_queue="ordermesh-sagas")
        async for event in handle.fetch_history_events(wait_new_event=True):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                break
        return handle.id

    return str(ask(site, work))


def end(site: Site, workflow: str) -> str:
    """Let it end; the word of the build that did it."""

    async def work(client: Client) -> Any:
        handle = client.get_workflow_handle(workflow, result_type=str)
        await handle.signal("end")
        return await handle.result()

    return str(ask(site, work))


def wait_until_nothing_stays(suite: Suite) -> None:
    deadline = time.monotonic() + DRAINED_SECONDS
    while stay := versions.kept(suite.site):
        assert time.monotonic() < deadline, stay
        time.sleep(1)


def test_what_waits_ends_on_its_build_and_that_goes_when_it_is_drained(site: Site) -> None:
    first, failed = bring(site, "1")
    assert failed == []
    waiting = begin(site)
    write(site, "second", timers=2)
    second, failed = bring(first.site)
    assert failed == []
    name = workers.name_of(first.site.workers.build)
    assert set(second.parts) == {"temporal", "worker", name}
    assert second.pid("temporal") == first.pid("temporal") != 0
    assert end(site, begin(site)) == "second"
    assert versions.kept(second.site) == {first.site.workers.build: "draining, 1 open"}
    down.stop_parts(second)
    second, failed = bring(second.site)
    assert failed == []
    assert set(second.site.workers.old) == {first.site.workers.build}
    assert end(site, waiting) == "first"
    wait_until_nothing_stays(second)
    pid = second.pid(name)
    third, _ = bring(second.site)
    assert name not in third.states()
    assert not processes.family(pid)
    assert set(builds.kept(site.builds)) == {second.site.workers.build}
    assert end(site, begin(site)) == "second"


def test_a_build_that_does_not_start_gets_nothing_and_turning_off_strands_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = bring(site, "1")
    waiting = begin(site)
    monkeypatch.setattr(up, "PART_SECONDS", 10.0)
    (site.root / "workflows" / "steps.py").write_text("raise RuntimeError('broken')")
    broken, failed = bring(first.site)
    assert failed == ["worker"]
    assert end(site, begin(site)) == "first"
    shutil.copy(state.ROOT / "workflows" / "steps.py", site.root / "workflows" / "steps.py")
    write(site, "unversioned", timers=2)
    monkeypatch.setattr(up, "PART_SECONDS", 60.0)
    off, failed = bring(broken.site, "0")
    assert failed == []
    assert off.site.workers.build == ""
    assert set(off.site.workers.old) == {first.site.workers.build}
    assert end(site, begin(site)) == "unversioned"
    assert end(site, waiting) == "first"
    wait_until_nothing_stays(off)
    last, _ = bring(off.site)
    assert builds.kept(site.builds) == {}
    assert end(site, begin(site)) == "unversioned"
    assert [name for name in last.states() if name.startswith("worker")] == ["worker"]
