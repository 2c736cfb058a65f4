"""What orders cost in CPU, part by part. The program that places them is counted too: same cores."""

from __future__ import annotations

import os
from collections.abc import Mapping

import psutil

from ops.suite import Suite

GENERATOR = "this generator"
SHOWN_MS = 0.05

Seconds = dict[str, float]
"""CPU seconds by part."""


def used(suite: Suite) -> Seconds:
    """What each part with its children, and this process, have used so far. Children that have ended count in
    their parent's books; without them a part whose session ends would seem to be a new one.
    """
    found = {GENERATOR: sum(os.times()[:2])}
    for name, process in suite.states().items():
        try:
            main = psutil.Process(process.pid)
            times = [each.cpu_times() for each in [main, *main.children(recursive=True)]]
        except psutil.NoSuchProcess:
            continue
        found[name] = sum(
            each.user + each.system + each.children_user + each.children_system for each in times
        )
    return found


def between(before: Mapping[str, float], after: Mapping[str, float]) -> Seconds:
    """What was used between two readings; a part that was started in between counts from its start."""
    return {
        part: seconds - before[part] if before.get(part, 0.0) <= seconds and part in before else seconds
        for part, seconds in after.items()
    }


def per_order(spent: Mapping[str, float], orders: int) -> list[str]:
    """Lines for a person: milliseconds of one order, the dearest part first."""
    costs = {part: seconds / orders * 1e3 for part, seconds in spent.items()}
    dearest = sorted(costs.items(), key=lambda item: -item[1])
    heading = f"  CPU per order {sum(costs.values()):.1f} ms, of it"
    return [heading, *(f"    {part:<15}{cost:6.2f} ms" for part, cost in dearest if cost >= SHOWN_MS)]
