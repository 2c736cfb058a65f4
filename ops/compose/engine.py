"""The container engine as what runs a suite's parts: in the place of supervisor, with the same few calls.

It is asked by its own HTTP API, also Podman's, on a socket that `make` gives to a command's container.
Containers are made by compose; here they are found by its labels, started and stopped.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import struct
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ops.errors import SuiteError
from ops.part import Part
from ops.supervision import ProcessState

SOCKET = "/var/run/docker.sock"
PROJECT = "ORDERMESH_PROJECT"
SECONDS = 60.0  # a stop waits for the process
HEADER = 8  # bytes before each piece of a log: which stream, and how long it is
WORDS: Mapping[str, str] = {
    "running": "RUNNING",
    "paused": "RUNNING",
    "restarting": "BACKOFF",
    "removing": "STOPPING",
    "created": "STOPPED",
    "exited": "EXITED",
    "dead": "FATAL",
}
"""The engine's words for a container's state, in supervisor's."""


class Engine:
    """The containers of one compose project."""

    def __init__(self, project: str = "", path: str = SOCKET) -> None:
        self._project = project or os.environ.get(PROJECT, "")
        self._path = path

    def is_running(self) -> bool:
        """Whether any part of the suite has a container that runs. Without the engine's socket (under plain
        `docker compose run`) nobody can say; what a command needs it then finds out by itself.
        """
        if not Path(self._path).exists():
            return True
        return any(row["State"] == "running" for row in self._containers().values())

    def states(self) -> dict[str, ProcessState]:
        """Every part that has a container."""
        return {name: self._state(name, row["Id"]) for name, row in self._containers().items()}

    def start(self, name: str) -> None:
        """Start a part unless it runs, and the pod whose network it is in; does not wait for readiness."""
        identity = self._id(name)
        found = json.loads(self._ask("GET", f"/containers/{identity}/json"))
        kind, _, pod = str(found["HostConfig"]["NetworkMode"]).partition(":")
        for each in (pod, identity) if kind == "container" else (identity,):
            self._ask("POST", f"/containers/{each}/start", harmless=(304,))

    def stop(self, name: str) -> None:
        """Stop a part and wait until its process is gone."""
        self._ask("POST", f"/containers/{self._id(name)}/stop", harmless=(304,))

    def kill(self, name: str) -> None:
        """SIGKILL a part and wait until it is gone; then start it, for an engine takes this for a wish."""
        identity = self._id(name)
        self._ask("POST", f"/containers/{identity}/kill")
        self._ask("POST", f"/containers/{identity}/wait")
        self._ask("POST", f"/containers/{identity}/start", harmless=(304,))

    def ensure_running(self, parts: Iterable[Part]) -> None:
        """SuiteError unless each of these parts has a container: only compose makes them."""
        there = self._containers()
        if missing := [part.name for part in parts if part.name not in there]:
            raise SuiteError(f"no container for {', '.join(missing)}; `make up RUNTIME=compose` makes them")

    def last_lines(self, name: str, count: int) -> list[str]:
        """The end of a part's log."""
        query = f"stdout=true&stderr=true&tail={count}"
        answer, left = b"", self._ask("GET", f"/containers/{self._id(name)}/logs?{query}")
        while len(left) >= HEADER:
            (length,) = struct.unpack(">4xI", left[:HEADER])
            answer += left[HEADER : HEADER + length]
            left = left[HEADER + length :]
        return answer.decode(errors="replace").splitlines()

    def memory(self) -> dict[str, int]:
        """Bytes that each part that runs uses now, without what the system would give up at once."""
        running = {name: row["Id"] for name, row in self._containers().items() if row["State"] == "running"}
        # all at once: Docker takes a second for each
        with ThreadPoolExecutor(max(len(running), 1)) as pool:
            return dict(zip(running, pool.map(self._memory, running.values()), strict=True))

    def _memory(self, identity: str) -> int:
        query = "stream=false&one-shot=true"
        found = json.loads(self._ask("GET", f"/containers/{identity}/stats?{query}")).get("memory_stats", {})
        # the names of version 1 and 2 of the kernel's control groups
        details = found.get("stats", {})
        idle = details.get("total_inactive_file", details.get("inactive_file", 0))
        return int(found.get("usage", 0)) - int(idle)

    def _containers(self) -> dict[str, Any]:
        labels = [f"com.docker.compose.project={self._project}", "com.docker.compose.oneoff=False"]
        filters = quote(json.dumps({"label": labels}))
        rows = json.loads(self._ask("GET", f"/containers/json?all=true&filters={filters}"))
        return {row["Labels"]["com.docker.compose.service"]: row for row in rows}

    def _id(self, name: str) -> str:
        found = self._containers().get(name)
        if found is None:
            raise SuiteError(f"this suite has no container of {name!r}; `make status` lists them")
        return str(found["Id"])

    def _state(self, name: str, identity: str) -> ProcessState:
        found = json.loads(self._ask("GET", f"/containers/{identity}/json"))["State"]
        state, pid = WORDS.get(found["Status"], "UNKNOWN"), int(found["Pid"])
        # with a fraction of nine digits, where it has one
        began = datetime.fromisoformat(found["StartedAt"][:19]).replace(tzinfo=UTC)
        seconds = int((datetime.now(UTC) - began).total_seconds()) if pid else 0
        return ProcessState(name, state, pid, seconds)

    def _ask(self, method: str, what: str, harmless: tuple[int, ...] = ()) -> bytes:
        connection = http.client.HTTPConnection("engine", timeout=SECONDS)
        try:
            with socket.socket(socket.AF_UNIX) as connection.sock:
                connection.sock.settimeout(SECONDS)
                connection.sock.connect(self._path)
                connection.request(method, what)
                answer = connection.getresponse()
                text = answer.read()
        except OSError as error:
            raise SuiteError(f"the container engine does not answer at {self._path}: {error}") from error
        if answer.status >= http.HTTPStatus.BAD_REQUEST and answer.status not in harmless:
            said = json.loads(text).get("message", "") if text else answer.reason
            raise SuiteError(f"the container engine refuses: {said}")
        return text
