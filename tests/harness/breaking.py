"""Breaks the suite under test, and puts it together again."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from ops import audit, audit_reading, processes
from ops.audit_records import Findings
from ops.suite import Suite

RECOVERY_SECONDS = 60.0
PREFIXES = {"worker": "WORKFLOWS"}
"""What the settings of a part begin with, if it is not the part's own name."""


@contextmanager
def stopped(suite: Suite, part: str) -> Iterator[None]:
    """A part is down for the length of a block, and healthy again after it."""
    suite.stop(part)
    try:
        yield
    finally:
        suite.start(part)
        suite.wait_ready(part, RECOVERY_SECONDS)


@contextmanager
def dies_at(suite: Suite, part: str, crash_point: str) -> Iterator[None]:
    """The part kills itself at a crash point inside the block, and is healthy again after it.

    Fails if it did not die: a crash point that is never reached tests nothing.
    """
    before = suite.overrides(part)
    suite.override(part, {**before, f"{PREFIXES.get(part, part.upper())}_CRASH_AT": crash_point})
    try:
        restart(suite, part)
    finally:
        suite.override(part, before)  # read at the next start only: it dies once
    process = psutil.Process(suite.pid(part))
    yield
    wait_for(lambda: processes.is_gone(process), f"{part} to die")
    suite.wait_ready(part, RECOVERY_SECONDS)


@contextmanager
def paused(suite: Suite, part: str, seconds: float) -> Iterator[None]:
    """A part stands still (SIGSTOP) for so many seconds, and goes on (SIGCONT) where it was."""
    process = psutil.Process(suite.pid(part))
    process.suspend()
    try:
        time.sleep(seconds)  # what is tested is the length of the pause itself
        yield
    finally:
        process.resume()
    suite.wait_ready(part, RECOVERY_SECONDS)


def restart(suite: Suite, part: str) -> None:
    """Stop, start, and wait until healthy."""
    suite.stop(part)
    suite.start(part)
    suite.wait_ready(part, RECOVERY_SECONDS)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = RECOVERY_SECONDS) -> None:
    """Look again and again until a condition holds; AssertionError names it if it never does."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)


def findings(suite: Suite) -> Findings:
    """What `make audit` finds."""
    return asyncio.run(audit.findings(suite))


def wait_until_nothing_is_open(suite: Suite) -> Findings:
    """Every order, payment, message and event has come to its end; what the auditor finds then."""
    found: list[Findings] = []

    def ended() -> bool:
        if asyncio.run(audit_reading.open_rows(suite)):
            return False
        found.append(findings(suite))
        return not found[-1].open

    wait_for(ended, "every order to come to its end")
    return found[-1]
