"""Supervisor: its configuration, its start, and the few calls of its XML-RPC that we use.

Supervisor keeps the processes running; what runs, in which order and when it is ready is ours. It
listens on loopback with a random password, which its own configuration holds only as a digest.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy, Transport

import psutil

from ops import processes
from ops.errors import SuiteError
from ops.part import Part
from ops.plans import base_environment
from ops.site import Site
from ops.state import write_private

BAD_NAME, ALREADY_STARTED, NOT_RUNNING = 10, 60, 70  # supervisor.xmlrpc.Faults
GONE_SECONDS = 10
CALL_SECONDS = 45.0  # a stop waits for the process, at most the longest stop_seconds


@dataclass(frozen=True)
class ProcessState:
    """One part as supervisor sees it; `pid` is 0 unless it runs, `seconds` its time up."""

    name: str
    state: str
    pid: int
    seconds: int


class _TimedTransport(Transport):
    """The standard transport waits for ever; this one gives up."""

    def make_connection(self, host: Any) -> HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = CALL_SECONDS
        return connection


def config(site: Site, parts: Iterable[Part]) -> str:
    """Supervisor's configuration.

    Its paths are relative to the checkout, where supervisor is started: a `%` or a space in the
    checkout's own path has a meaning in this format, and not the same one in every line.
    """
    run = site.state / "run"
    digest = hashlib.sha1(site.passwords["supervisor"].encode()).hexdigest()  # noqa: S324 - the only form it knows
    head = f"""\
[supervisord]
logfile={run}/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile={run}/supervisord.pid
childlogdir={run}
[inet_http_server]
port={site.address("supervisor")}
username=ordermesh
password={{SHA}}{digest}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(program(site, part) for part in parts)


def launcher(site: Site, name: str) -> list[str]:
    """The command that becomes a part by its plan in env/<name>.json; for the checkout as working folder."""
    python = str(site.python.relative_to(site.root))
    # -I and -S: nothing of the caller's Python settings, and no packages to look through
    return [python, "-I", "-S", "ops/launch.py", str(site.state), name]


def program(site: Site, part: Part) -> str:
    """One part's section; `make up` starts it when what it needs is ready, so not by itself."""
    return f"""\
[program:{part.name}]
command={shlex.join(launcher(site, part.name))}
autostart=false
autorestart=true
startsecs=1
startretries=20
stopsignal={part.stop_signal}
stopwaitsecs={part.stop_seconds}
stopasgroup={str(part.signals_group).lower()}
killasgroup=true
redirect_stderr=true
stdout_logfile={site.state / "logs" / part.name}.log
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=2
"""


class Supervisor:
    """The supervisor of one suite."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def _ask(self, method: str, *arguments: object) -> Any:
        # a connection each call: one may not be shared by threads, and stops are waited for in threads
        password = self._site.passwords["supervisor"]
        url = f"http://ordermesh:{password}@{self._site.address('supervisor')}/RPC2"
        with ServerProxy(url, transport=_TimedTransport()) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def is_running(self) -> bool:
        """Whether this suite's supervisor answers and is not on its way out."""
        try:
            return bool(self._ask("getState")["statename"] == "RUNNING")
        except (OSError, Fault, HTTPException):
            return False

    def ensure_running(self, parts: Iterable[Part]) -> None:
        """Start supervisor with these parts, or give the parts to the one that runs."""
        path = self._site.directory / "run" / "supervisord.conf"
        text = config(self._site, parts)
        changed = not path.is_file() or path.read_text() != text
        write_private(path, text)
        if not self.is_running():
            self._spawn(path)
        elif changed:
            self._reload()

    def _spawn(self, path: Path) -> None:
        environment = base_environment(self._site, {}) | {"ORDERMESH_SUITE_DIR": str(self._site.directory)}
        command = [
            str(self._site.python),
            "-m",
            "supervisor.supervisord",
            "-c",
            str(path.relative_to(self._site.root)),
        ]
        done = subprocess.run(
            command, env=environment, cwd=self._site.root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SuiteError(f"supervisor did not start: {(done.stderr or done.stdout).strip()}")
        deadline = time.monotonic() + 10
        while not self.is_running():  # a bounded poll of its own answer
            if time.monotonic() > deadline:
                raise SuiteError(f"supervisor does not answer; see {path.with_name('supervisord.log')}")
            time.sleep(0.02)

    def _reload(self) -> None:
        added, changed, removed = self._ask("reloadConfig")[0]
        for name in (*changed, *removed):
            self.stop(name)
            self._ask("removeProcessGroup", name)
        for name in (*added, *changed):
            self._ask("addProcessGroup", name)

    def states(self) -> dict[str, ProcessState]:
        """Every part that supervisor knows."""
        rows = self._ask("getAllProcessInfo")
        return {
            row["name"]: ProcessState(row["name"], row["statename"], row["pid"], row["now"] - row["start"])
            for row in rows
        }

    def kill(self, name: str) -> None:
        """SIGKILL a part's process and wait until it is gone; supervisor starts it again by itself."""
        try:
            process = psutil.Process(self.states()[name].pid)
            process.kill()
            process.wait(GONE_SECONDS)
        except psutil.NoSuchProcess:
            pass

    def memory(self) -> dict[str, int]:
        """Bytes that each part that runs uses now, shared pages counted once."""
        pids = {name: found.pid for name, found in self.states().items() if found.pid}
        return {name: processes.memory(processes.family(pid)) for name, pid in pids.items()}

    def last_lines(self, name: str, count: int) -> list[str]:
        """The end of a part's log."""
        path = self._site.directory / "logs" / f"{name}.log"
        if not path.is_file():
            return []
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 400 * count))
            return file.read().decode(errors="replace").splitlines()[-count:]

    def start(self, name: str) -> None:
        """Start a part unless it runs; does not wait for readiness."""
        self._call("startProcess", name, False, harmless=ALREADY_STARTED)

    def stop(self, name: str) -> None:
        """Stop a part and wait until its process is gone."""
        self._call("stopProcess", name, True, harmless=NOT_RUNNING)

    def _call(self, method: str, name: str, argument: bool, harmless: int) -> None:
        try:
            self._ask(method, name, argument)
        except Fault as fault:
            if fault.faultCode == BAD_NAME:
                raise SuiteError(f"this suite has no part {name!r}; `make status` lists them") from fault
            if fault.faultCode != harmless:
                raise SuiteError(f"supervisor refused {method} of {name}: {fault.faultString}") from fault

    def shutdown(self) -> None:
        """Ask supervisor to stop all and end itself; the caller waits for its process."""
        self._ask("shutdown")

    def process_id(self) -> int:
        """The pid of supervisor itself."""
        return int(self._ask("getPID"))
