"""`make doctor`: look at the machine and the suite, and say what is wrong and the way out."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from importlib.metadata import version

from rich.console import Console

from ops import checks, install, kafka_jars, state
from ops.checks import Problem
from ops.status import healths
from ops.suite import Suite

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
    problems = installation() + checks.disk(suite.site)
    if suite.supervisor.is_running():
        return problems + unhealthy(suite)
    problems += checks.memory() + checks.ports(suite.site, suite.parts.values())
    return problems + checks.port_problems(suite.site, ["supervisor"])


def doctor(suite_name: str, console: Console) -> int:
    """Print the findings; exit status 1 if anything is wrong."""
    suite = Suite(state.create_site(suite_name, os.environ))
    running = suite.supervisor.is_running()
    console.print(f"machine   {platform.platform()}, {os.cpu_count()} cores")
    console.print(
        f"versions  Python {sys.version.split()[0]}, grpcio {version('grpcio')}, "
        f"supervisor {version('supervisor')}, Kafka {kafka_jars.VERSION}"
    )
    console.print(
        f"suite     {suite_name}: {'up' if running else 'down'}, in {suite.directory}", soft_wrap=True
    )
    problems = examine(suite)
    for problem in problems:
        console.print(f"\n✗ {problem}", markup=False, soft_wrap=True)
    if not problems:
        console.print("\nNothing is wrong." + ("" if running else " `make up` starts the suite."))
    return 1 if problems else 0
