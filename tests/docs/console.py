"""Reads the `console` blocks of a page, runs their commands in one shell, and compares what they print.

In a block a line `$ …` is a command, which goes on after a backslash and within single quotes; what follows
is its output. `…` stands for any text within a line, and alone on a line for any lines. A block after
`<!-- not run: reason -->` is left out. What differs from run to run (ids, times, sizes, tokens) is
normalised on both sides; every other line must be there, in its place.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ANY = "…"
MARK = "-- end of a command --"
TOO_LATE = "(did not end in time)"
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")

_VARYING = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<trace>"),
    (re.compile(r"\beyJ[\w.-]+"), "<token>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|MB|GB)\b"), r"<n> \2"),
    (re.compile(r"\b(audited )\d+( orders: ).*"), r"\1<n>\2<counts>"),
    (re.compile(r"\[Makefile:\d+: "), "[Makefile:<n>: "),
    (re.compile(r"\s+"), " "),
)


@dataclass
class Step:
    """One command and the output that the page shows."""

    command: str
    expected: list[str] = field(default_factory=list)


@dataclass
class Block:
    """One block that is run: where it begins, and its steps."""

    line: int
    steps: list[Step] = field(default_factory=list)


def blocks(text: str) -> list[Block]:
    """The blocks of a page that are to be run. A block that begins with output is a mistake."""
    found: list[Block] = []
    inside = running = continued = False
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not inside:
            if line == "```console":
                inside, running = True, NOT_RUN.fullmatch(before) is None
                found += [Block(number)] if running else []
            before = line or before
        elif line == "```":
            inside, before = False, ""
        elif running:
            continued = _add(found[-1], line, continued)
    return found


def _add(block: Block, line: str, continued: bool) -> bool:
    """Take down one line of a block; whether the command goes on in the next."""
    if continued:
        block.steps[-1].command += f"\n{line}"
    elif line.startswith("$ "):
        block.steps.append(Step(line[2:]))
    else:
        assert block.steps, f"the block at line {block.line} begins with output"
        block.steps[-1].expected.append(line)
        return False
    return line.endswith("\\") or block.steps[-1].command.count("'") % 2 == 1


def run(commands: list[str], folder: Path, environment: Mapping[str, str], seconds: float) -> list[list[str]]:
    """The lines that each command prints, errors too, in one bash from the first to the last.

    When the time is over the shell and all that it has started end; commands without an end say so.
    """
    script = "exec 2>&1\n" + "".join(f"{command}\nprintf '\\n{MARK}\\n'\n" for command in commands)
    shell = subprocess.Popen(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed = shell.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        printed = shell.communicate()[0]
    ended = [output.strip("\n").splitlines() for output in printed.split(f"\n{MARK}\n")[:-1]]
    return ended + [[TOO_LATE] for _ in commands[len(ended) :]]


def normalised(lines: Iterable[str]) -> list[str]:
    """Lines without what differs from run to run; empty lines do not count."""
    result = []
    for line in lines:
        for pattern, instead in _VARYING:
            line = pattern.sub(instead, line)
        result += [line.strip()] if line.strip() else []
    return result


def matches(expected: Iterable[str], printed: Iterable[str]) -> bool:
    """Whether what was printed is what the page shows."""
    pattern = ""
    for line in normalised(expected):
        if line == ANY:
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*".join(re.escape(part) for part in line.split(ANY)) + "\n"
    text = "".join(f"{line}\n" for line in normalised(printed))
    return re.fullmatch(pattern, text) is not None
