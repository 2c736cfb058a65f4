"""`make start`, `make stop`, `make restart`: one part at a time."""

from __future__ import annotations

import time

from rich.console import Console

from ops.errors import SuiteError
from ops.suite import Suite

SHOWN_LOG_LINES = 15


def named(suite_name: str, part: str) -> Suite:
    """The running suite; SuiteError if it is down or has no such part."""
    suite = Suite.load(suite_name)
    if not part:
        raise SuiteError(f"which part? S=… is one of: {', '.join(suite.parts)}")
    suite.part(part)
    suite.require_running()
    return suite


def start(suite_name: str, part: str, console: Console) -> int:
    """Start a part and wait until it is healthy."""
    suite, began = named(suite_name, part), time.monotonic()
    try:
        suite.start(part)
        suite.wait_ready(part)
    except SuiteError as error:
        lines = "".join(f"\n  | {line}" for line in suite.last_lines(part, SHOWN_LOG_LINES))
        raise SuiteError(f"{error}{lines}") from error
    console.print(f"{part} is healthy ({time.monotonic() - began:.1f} s).")
    return 0


def stop(suite_name: str, part: str, console: Console) -> int:
    """Stop a part."""
    named(suite_name, part).stop(part)
    console.print(f"{part} is stopped; `make start S={part}` starts it.")
    return 0


def restart(suite_name: str, part: str, console: Console) -> int:
    """Stop a part if it runs, then start it."""
    named(suite_name, part).stop(part)
    return start(suite_name, part, console)
