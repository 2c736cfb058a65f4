"""`make doctor`: look at the machine and the suite, and say what is wrong and the way out."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from importlib.metadata import version

from rich.console import Console

from ops import checks, install, kafka_jars, processes, state
from ops.checks import Problem
from ops.status import healths
from ops.suite import Suite

LEFT_WAY_OUT = "`make up` ends them and starts anew, `make down` only ends them"
ERROR_WORDS = ("error", "fatal", "exception", "critical")


def installation() -> list[Problem]:
    """Environments or jars that are missing or older than their locks."""
    if install.is_complete():
        return []
    return [Problem("the environments are not what the lock files say", "`make up` brings them up to date")]


def last_error(suite: Suite, part: str) -> str:
    """The last line of a part's log that speaks of an error, else its last line."""
    lines = suite.last_lines(part, 200)
    errors = [line for line in lines if any(word in line.lower() for word in ERROR_WORDS)]
    return (errors or lines or ["its log is empty"])[-1].strip()[:300]


def unhealthy(suite: Suite) -> list[Problem]:
    """Parts that do not answer their probe, each with its last error."""
    states = suite.states()
    found = asyncio.run(healths(suite))
    problems = []
    for name, reason in found.items():
        if reason:
            shown = states[name].state.lower() if name in states else "unknown to supervisor"
            what = f"{name} is not healthy ({shown}): {reason}\n  last error: {last_error(suite, name)}"
            problems.append(Problem(what, f"`make logs S={name}`, then `make restart S={name}`"))
    return problems


def examine(suite: Suite) -> list[Problem]:
    """All problems; what stands in the way of a start is asked only while the suite is down."""
    if suite.site.contained:  # images hold what is installed, and the engine what runs
        return unhealthy(suite) if suite.supervisor.is_running() else []
    problems = installation() + checks.disk(suite.site)
    if suite.supervisor.is_running():
        return problems + unhealthy(suite)
    if left := processes.left_behind(suite.directory):
        pids = ", ".join(str(process.pid) for process in left)
        return [*problems, Problem(f"supervisor is gone but its processes run on: {pids}", LEFT_WAY_OUT)]
    problems += checks.memory() + checks.ports(suite.site, suite.parts.values())
    return problems + checks.port_problems(suite.site, ["supervisor"])


def doctor(suite_name: str, console: Console) -> int:
    """Print the findings; exit status 1 if anything is wrong."""
    known = (state.directory_of(suite_name) / "suite.json").is_file()
    suite = Suite.load(suite_name) if known else Suite(state.create_site(suite_name, os.environ))
    running = suite.supervisor.is_running()
    console.print(f"machine   {platform.platform()}, {os.cpu_count()} cores")
    console.print(
        f"versions  Python {sys.version.split()[0]}, grpcio {version('grpcio')}, "
        f"supervisor {version('supervisor')}, Kafka {kafka_jars.VERSION}"
    )
    console.print(f"suite     {suite_name}: {'up' if running else 'down'}, in {suite.directory}")
    problems = examine(suite)
    for problem in problems:
        console.print(f"\n✗ {problem}", markup=False)
    if not problems:
        console.print("\nNothing is wrong." + ("" if running else " `make up` starts the suite."))
    return 1 if problems else 0
