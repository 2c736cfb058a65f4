"""A suite in containers, by the doors of the Makefile, as a person starts and uses it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ops import state
from ops.compose import engines
from ops.errors import SuiteError
from tests.engine import stand_ins

IMAGES = {"part": "ordermesh", "control-plane": "ordermesh-mesh", "tests": "ordermesh-tests"}
"""The targets of our Dockerfile, and what each is called."""


class Contained:
    """One suite; its name is also that of its compose project."""

    def __init__(self, suite: str) -> None:
        self._suite = suite
        self.project = f"ordermesh-{suite}"

    def make(self, *words: str, may_fail: bool = False) -> str:
        """A door of the Makefile; what it prints."""
        given = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        # the engine's own builder is on every engine
        given |= {"DOCKER_BUILDKIT": "0", "SUITE": self._suite, "RUNTIME": "compose"}
        program = shutil.which("make") or "make"
        done = subprocess.run(
            (program, *words), cwd=state.ROOT, env=given, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert may_fail or done.returncode == 0, f"make {' '.join(words)}:\n{said[-4000:]}"
        return said

    def inspected(self) -> dict[str, Any]:
        """Everything that the engine tells of the containers that run, by service."""
        label = f"label=com.docker.compose.project={self.project}"
        ids = stand_ins.docker("ps", "--quiet", "--filter", label).split()
        found = json.loads(stand_ins.docker("inspect", *ids))
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}


def needs_engine() -> None:
    """Skips the test where no engine answers, and says so."""
    try:
        engines.check()
    except SuiteError as error:
        pytest.skip(f"did not run: {error}")


@contextmanager
def started(suite: str, *words: str) -> Iterator[tuple[Contained, str]]:
    """The suite, new and running, and what its start has printed; skips the test where no engine answers."""
    needs_engine()
    stand_ins.provide()
    for target, image in IMAGES.items():
        # on the machine's own network: it is the one that reaches the index of packages
        build = ("--network", "host", "--file", "deploy/Dockerfile", "--target", target, "--tag", image)
        stand_ins.docker("build", "--quiet", *build, str(state.ROOT))
    contained = Contained(suite)
    contained.make("reset")
    try:
        yield contained, contained.make("up", *words)
    finally:
        contained.make("reset")
