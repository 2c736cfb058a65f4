"""The processes of a suite as the system sees them: their memory, and ending those that were left behind."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

PATIENCE = 10  # seconds between asking a process to end and killing it


def family(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it; empty if it is gone."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory(processes: Iterable[psutil.Process]) -> int:
    """Bytes in use, shared pages counted once (PSS); resident size where the system has no PSS."""
    total = 0
    for process in processes:
        try:
            full = process.memory_full_info()
            total += getattr(full, "pss", 0) or full.rss
        except psutil.AccessDenied:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def listens_at(pid: int) -> int:
    """The port at which a process listens, the lowest if it has several; 0 if none, or if it is gone."""
    try:
        found = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return 0
    return min((c.laddr.port for c in found if c.status == psutil.CONN_LISTEN), default=0)


def variable(pid: int, name: str) -> str:
    """A variable of a process's own environment; empty if it has none, or if it is gone."""
    try:
        return psutil.Process(pid).environ().get(name, "")
    except psutil.Error:
        return ""


def is_gone(process: psutil.Process) -> bool:
    """Whether it runs no more; one that nobody has collected yet (a zombie) counts as gone."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still run when the time is over."""
    deadline = time.monotonic() + seconds
    left = [process for process in processes if not is_gone(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if not is_gone(process)]
    return left


def left_behind(directory: Path) -> list[psutil.Process]:
    """Processes of the suite in this folder, also when supervisor was killed and no longer knows them.

    The launcher marks each by a variable of its environment. PostgreSQL overwrites its environment
    to set its title, and is known by its working folder instead.
    """
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get("ORDERMESH_SUITE_DIR") == str(directory)
            if marked or (process.name() == "postgres" and process.cwd() == str(directory / "postgres")):
                found.append(process)
        except psutil.Error:  # gone meanwhile, or another user's
            continue
    return [process for process in found if not is_gone(process)]


def end(processes: Iterable[psutil.Process]) -> None:
    """Ask them to end, then kill those that do not."""
    asked = list(processes)
    for process in asked:
        # for PostgreSQL INT is the shutdown that does not wait for its clients
        _signal(process, signal.SIGINT if _name(process) == "postgres" else signal.SIGTERM)
    for process in wait_gone(asked, PATIENCE):
        _signal(process, signal.SIGKILL)
    wait_gone(asked, PATIENCE)


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
