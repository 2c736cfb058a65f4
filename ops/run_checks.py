"""`make check`: every static check, each under a heading of one line; all are run, the first failure counts.

None needs the network or a running suite. What a check prints is shown only when it fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
"""The tools stand beside the interpreter, in the application's environment."""

BREAKING = """\
"$0" build protos --path protos/ordermesh -o - | "$0" breaking - --against protos/published.binpb
"""
"""Compared as one image each: third_party is a module of its own, and no part of what we publish."""


COMPOSE = "ops.compose.document"
PARTNER = "bff.partner.documents"


TYPED = (
    "kit",
    "mesh",
    "services",
    "bff",
    "workflows",
    "ops",
    "tests",
    "protos/generate.py",
    "protos/openapi.py",
)


@dataclass(frozen=True)
class Check:
    """One check: what it proves, its command, and what to do when it fails."""

    heading: str
    command: Sequence[str]
    way_out: str


def checks() -> list[Check]:
    """All of them; the quick ones first."""
    python = sys.executable
    migrations = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("services/**/migrations/*.sql"))]
    return [
        Check(
            "ruff: rules", [tool("ruff"), "check", "."], "make format; reasons of exceptions: pyproject.toml"
        ),
        Check("ruff: format", [tool("ruff"), "format", "--check", "."], "make format"),
        Check("sizes of files and functions", [python, "-m", "ops.sizes"], "split by meaning, not by number"),
        Check(
            "import-linter: layers, independence",
            [tool("lint-imports"), "--no-logo", "--no-cache"],
            "the contracts stand in pyproject.toml, their reasons in CONTRIBUTING.md",
        ),
        Check("protos: buf lint", [tool("buf"), "lint", "protos"], "protos/README.md has the rules"),
        Check(
            "protos: nothing published is broken",
            ["sh", "-c", BREAKING, tool("buf")],
            "add instead of changing; if the break is meant: make publish-protos, and say why in the commit",
        ),
        Check("protos: generated code", [python, "protos/generate.py", "--check"], "make generate"),
        Check("web: committed schema", [python, "-m", "bff.web.sdl", "--check"], "make generate"),
        Check("mobile: committed OpenAPI", [python, "-m", "bff.mobile.openapi", "--check"], "make generate"),
        Check("partner: committed documents", [python, "-m", PARTNER, "--check"], "make generate"),
        Check("compose.yaml is the topology", [python, "-m", COMPOSE, "--check"], "make generate"),
        Check("squawk: migrations", [tool("squawk"), *migrations], ".squawk.toml has the exceptions"),
        Check("mypy: strict", [python, "-m", "mypy", *TYPED], "no Any that hides a mistake"),
    ]


def tool(name: str) -> str:
    """A program of the environment that runs this."""
    return str(BIN / name)


def environment() -> Mapping[str, str]:
    """Where the project's own modules are found."""
    return os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen' / 'python'}", "NO_COLOR": "1"}


def run(check: Check) -> int:
    """Run one check and say how it went; its exit code."""
    began = time.monotonic()
    done = subprocess.run(
        check.command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    verdict = "ok" if done.returncode == 0 else "FAILED"
    print(f"{check.heading:<40} {verdict} ({time.monotonic() - began:.1f} s)", flush=True)
    if done.returncode:
        print("\n".join(f"  | {line}" for line in done.stdout.splitlines()))
        print(f"  → {check.way_out}", flush=True)
    return done.returncode


def main() -> int:
    """Run all; the exit code of the first that failed."""
    codes = [run(check) for check in checks()]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
