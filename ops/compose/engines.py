"""The container engine of this machine: whether it is there and new enough, and where it is asked."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from ops.errors import SuiteError

USER = "10001"
"""Who runs in our image."""
COMPOSE = (2, 24, 4)
"""The first `docker compose` that knows everything that compose.yaml says, and what is read over it."""
WAY_OUT = "install Docker Engine or Docker Desktop with the compose plug-in; or leave out RUNTIME=compose"


def answers() -> bool:
    """Whether `docker` and its compose plug-in are here, and an engine answers."""
    try:
        check()
    except SuiteError:
        return False
    return True


def check() -> None:
    """SuiteError names what is missing or too old, and the way out."""
    version = _said("docker compose is not installed", "compose", "version", "--short").lstrip("v")
    if _numbers(version) < COMPOSE:
        wanted = ".".join(str(number) for number in COMPOSE)
        raise SuiteError(f"docker compose {version} is too old: update the plug-in to {wanted} or later")
    _said(
        "no container engine answers; is it started, and may you use it?",
        "version",
        "--format",
        "{{.Server.Version}}",
    )


def socket() -> tuple[str, int]:
    """The engine's socket, as a container of it sees it, and the group that may use it. SuiteError."""
    chosen = os.environ.get("DOCKER_HOST", "") or _endpoint()
    path = chosen.removeprefix("unix://")
    if path == chosen:
        raise SuiteError(f"the engine is at {chosen}: it must be on this machine, at a unix:// address")
    # Docker Desktop runs its engine in a machine of its own, where the socket is the root user's
    if os.uname().sysname != "Linux" or "/.docker/desktop/" in path:
        return "/var/run/docker.sock", 0
    # the groups of an engine without root begin with its user's, which is 0 in its containers
    return path, 0 if path.startswith("/run/user/") else Path(path).stat().st_gid


def _endpoint() -> str:
    text = _said("docker has no context", "context", "inspect")
    return str(json.loads(text)[0]["Endpoints"]["docker"]["Host"])


def _said(problem: str, *words: str) -> str:
    try:
        done = subprocess.run(("docker", *words), capture_output=True, text=True, check=False, timeout=10)  # noqa: S607
    except FileNotFoundError as error:
        raise SuiteError(f"docker is not installed: {WAY_OUT}") from error
    except subprocess.TimeoutExpired as error:
        raise SuiteError("the container engine does not answer; restart it") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise SuiteError(f"{problem} ({last})\n  → {WAY_OUT}")
    return done.stdout.strip()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(word) for word in version.split("-")[0].split(".")[:3] if word.isdigit())
