"""`make logs`: the end of the parts' logs, and following them."""

from __future__ import annotations

import os
import shutil
import sys

from ops.suite import Suite

LINES = 100


def show(suite_name: str, part: str, follow: bool) -> int:
    """Print the last lines of one part's log, or a few of every part's; follow by `tail -F`."""
    suite = Suite.load(suite_name)
    names = [suite.part(part).name] if part else list(suite.parts)
    if follow:
        return follow_files([str(suite.directory / "logs" / f"{name}.log") for name in names])
    for name in names:
        lines = suite.last_lines(name, LINES)
        for line in lines:
            sys.stdout.write(f"{line}\n" if part else f"{name:<13} | {line}\n")
    return 0


def follow_files(paths: list[str]) -> int:
    """Become `tail`, which knows how to follow rotated files."""
    tail = shutil.which("tail") or "/usr/bin/tail"
    sys.stdout.flush()
    os.execv(tail, [tail, "-n", "20", "-F", *paths])  # noqa: S606 - our own paths, no shell
