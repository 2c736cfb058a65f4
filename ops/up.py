"""`make up`: check the machine, start what does not run, wait for real readiness, say where all is.

Each part starts as soon as what it needs is ready; a service waits for PostgreSQL and its own
migrations only. Repeated on a running suite it starts nothing but parts that are down.
"""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil
from rich.console import Console

from ops import (
    checks,
    databases,
    plans,
    probes,
    processes,
    search_attributes,
    state,
    storage,
    topics,
    topology,
    versions,
    workers,
)
from ops.compose import engines
from ops.compose.door import REMEMBERED
from ops.compose.site import TEMPORAL
from ops.display import StartDisplay
from ops.errors import SuiteError
from ops.install import REPORT
from ops.part import Part
from ops.site import Site, option_of
from ops.suite import NOT_RUNNING, Suite

PART_SECONDS = 120.0
READERS_SECONDS = 15.0
SHOWN_LOG_LINES = 15


@dataclass(frozen=True)
class Failure:
    """A part that did not get ready, and why."""

    part: str
    reason: str


class Start:
    """One start of all parts, each in a task of its own."""

    def __init__(self, suite: Suite, display: StartDisplay) -> None:
        self._suite = suite
        self._display = display
        self._outcome: dict[str, asyncio.Future[bool]] = {}
        self.failures: list[Failure] = []

    async def run(self) -> None:
        """Bring all parts to readiness; what fails stands in `failures`."""
        loop = asyncio.get_running_loop()
        # preparing and migrating block; the default pool is smaller than the number of parts
        loop.set_default_executor(ThreadPoolExecutor(2 * len(self._suite.parts)))
        self._outcome = {name: loop.create_future() for name in self._suite.parts}
        async with asyncio.TaskGroup() as tasks:
            for part in self._suite.parts.values():
                tasks.create_task(self._bring(part))

    async def _bring(self, part: Part) -> None:
        await asyncio.gather(*(self._outcome[name] for name in part.after))
        missing = [need for need in part.needs if not await self._outcome[need]]
        reason = f"needs {', '.join(missing)}" if missing else await self._start(part)
        if reason:
            self.failures.append(Failure(part.name, reason))
        self._display.show(part.name, "failed" if reason else "ready")
        self._outcome[part.name].set_result(reason is None)

    async def _start(self, part: Part) -> str | None:
        suite = self._suite
        try:
            self._display.show(part.name, "preparing")
            if part.name == workers.CURRENT:
                await asyncio.to_thread(versions.make_room, suite)
            await asyncio.to_thread(suite.start, part.name)
            self._display.show(part.name, "starting")
            if reason := await probes.wait_ready(suite.site, part, PART_SECONDS, suite.hope(part.name)):
                return reason
            if part.name == "postgres":
                await databases.provision(suite.site)
            if part.name == "kafka":
                await asyncio.to_thread(topics.provision, suite.site)
            if part.name == "temporal":
                await asyncio.to_thread(search_attributes.provision, suite.site)
            if part.name == workers.CURRENT:
                await asyncio.to_thread(versions.route, suite.site)
        except (SuiteError, OSError) as error:
            return str(error)
        return None


def refuse_moved_ports(name: str) -> None:
    """SuiteError if PORT_<NAME> asks a running suite for other ports than it has."""
    saved = state.read_json(state.directory_of(name) / "suite.json").get("ports", {})
    asked = state.port_overrides(os.environ)
    moved = [port for port, number in asked.items() if port in saved and saved[port] != number]
    if moved and runs(name):
        raise SuiteError(f"the suite runs with other ports for {', '.join(moved)}; first `make down`")


def refuse_changed_keys(name: str) -> None:
    """SuiteError if PAYLOAD_KEYS asks a running suite for other keys: its parts must change together."""
    directory = state.directory_of(name)
    if state.wanted_payload_keys(directory, os.environ) == state.payload_keys(directory):
        return
    if runs(name):
        raise SuiteError("the suite runs with other payload keys; first `make down`")


def refuse_changed_mesh(name: str) -> None:
    """SuiteError if MESH asks a running suite for what it does not have: all parts must change together."""
    directory = state.directory_of(name)
    if state.wanted_mesh(directory, os.environ, runs=True) == state.has_mesh(directory):
        return
    if runs(name):
        running = "with" if state.has_mesh(directory) else "without"
        raise SuiteError(f"the suite runs {running} the mesh; first `make down`")


def check_machine(suite: Suite, was_running: bool) -> None:
    """SuiteError with every problem that stands in the way of the parts that are down."""
    states = suite.states()
    down = [p for p in suite.parts.values() if p.name not in states or states[p.name].state in NOT_RUNNING]
    problems = checks.ports(suite.site, down)
    if not was_running:
        problems += checks.port_problems(suite.site, ["supervisor"])
        problems += checks.memory() + checks.disk(suite.site)
    if problems:
        raise SuiteError("the suite cannot start:\n" + "\n".join(str(problem) for problem in problems))


def runs(name: str) -> bool:
    """Whether there is such a suite, and it runs."""
    known = (state.directory_of(name) / "suite.json").is_file()
    return known and Suite.load(name).supervisor.is_running()


def bring(suite: Suite, console: Console) -> tuple[list[Failure], dict[str, str]]:
    """Start all parts and wait for them: what failed; and which old builds of the worker stay, and why."""
    plans.write_plans(suite.site, suite.parts.values())
    suite.supervisor.ensure_running(suite.parts.values())
    with StartDisplay(suite.parts, console) as display:
        start = Start(suite, display)
        asyncio.run(start.run())
    stay = versions.retire(suite)
    retired = {workers.name_of(build) for build in suite.site.workers.old if build not in stay}
    return [failure for failure in start.failures if failure.part not in retired], stay


def up(name: str, console: Console) -> int:
    """Start a suite; the exit status."""
    began = time.monotonic()
    refuse_moved_ports(name)
    refuse_changed_keys(name)
    refuse_changed_mesh(name)
    if wanted := os.environ.get(TEMPORAL):
        raise SuiteError(f"{TEMPORAL}={wanted}: in containers only, with RUNTIME=compose; or leave it out")
    was_running = runs(name)
    suite = Suite(state.create_site(name, os.environ, was_running))
    if not was_running:
        processes.end(processes.left_behind(suite.directory))
        storage.lay_policy(suite.site)
    check_machine(suite, was_running)
    (suite.directory / REMEMBERED).unlink(missing_ok=True)  # from now on it is a native one
    suite = Suite(versions.choose(suite.site, os.environ))
    before = {part: found.pid for part, found in suite.states().items()}
    failures, stay = bring(suite, console)
    if failures:
        report_failures(suite, failures, console)
        return 1
    topics.wait_for_readers(suite.site, topology.readers(), READERS_SECONDS)
    started = [part for part, found in suite.states().items() if found.pid != before.get(part)]
    report(suite, started, time.monotonic() - began, console)
    versions.tell(suite, stay, console, gone="was not needed any more: it is removed")
    return 0


def report_failures(suite: Suite, failures: list[Failure], console: Console) -> None:
    """Each part that is not ready, the end of its log, and what to do."""
    for failure in failures:
        console.print(f"\n{failure.part} is not ready: {failure.reason}", style="red", markup=False)
        if failure.reason.startswith("needs "):
            continue
        for line in suite.last_lines(failure.part, SHOWN_LOG_LINES):
            console.print(f"  | {line}", markup=False, highlight=False)
    first = failures[0].part
    option = option_of(suite.name)
    console.print(f"\nThe whole log: make logs S={first}{option}   What is wrong: make doctor{option}")
    console.print(f"Then `make up{option}` again, or `make down{option}`.")


def described(site: Site) -> str:
    """How the parts call each other, in a line."""
    if not site.mesh:
        return "off: every part calls the others straight"
    return f"on: a sidecar beside each service, policy in {site.policy}; make mesh{option_of(site.suite)}"


def report(suite: Suite, started: list[str], seconds: float, console: Console) -> None:
    """Where everything is, and what it took."""
    option = option_of(suite.name)
    did = "up" if started else "already up"
    console.print(f"\nOrderMesh is {did}: suite {suite.name}, all parts healthy.\n")
    addresses = suite.urls
    console.print(f"  edge (public)      {addresses['edge']}   gRPC with reflection: grpcurl -plaintext")
    console.print(f"  REST               {addresses['edge']}/api/v1   described at /api/v1/openapi.json")
    console.print(f"  edge by TLS        {addresses['edge_tls']}   curl --cacert {suite.site.tls}/ca.crt")
    console.print(f"  edge (operator)    {addresses['operator']}   every RPC of every service")
    console.print(f"  Temporal UI        {addresses['temporal_ui']}   gRPC {addresses['temporal']}")
    console.print(f"  Kafka              {addresses['kafka']}")
    console.print(f"  PostgreSQL         {addresses['postgres']}   passwords: {suite.directory}/suite.json")
    console.print(f"  Envoy admin        {addresses['envoy_admin']}")
    console.print(f"  mesh               {described(suite.site)}")
    if suite.site.payload_keys:
        console.print(f"  payload codec      http://{suite.address('codec')}   for the Temporal UI and CLI")
    console.print(f"  mail               {suite.directory}/mail/inbox\n")
    used = sum(suite.memory().values())
    total, installed = psutil.virtual_memory().total, state.read_json(REPORT)
    fetched = f"installed in {installed.get('seconds')} s, {installed.get('megabytes')} MB fetched"
    console.print(
        f"Healthy in {seconds:.1f} s; memory {used / 1e9:.2f} of {total / 1e9:.0f} GB; "
        + (fetched if installed.get("seconds") else "nothing to install, 0 MB fetched")
    )
    if engines.answers():
        console.print("Docker answers here: `make up RUNTIME=compose` runs the same suite in containers.")
    console.print(f"Next: make demo MODE=sync{option}   make status{option}   make down{option}   make help")
