"""`make down` and `make reset`: stop a suite so that no process is left; forget its state."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from xmlrpc.client import Fault

import psutil
from rich.console import Console

from ops import mesh_parts, processes, state, topology
from ops.errors import SuiteError
from ops.suite import NOT_RUNNING, Suite
from ops.supervision import Supervisor

SHUTDOWN_SECONDS = 15


def stop_parts(suite: Suite) -> None:
    """First what uses the servers and the mesh, all at once; then the mesh; then the servers."""
    servers = {part.name for part in topology.server_parts(suite.site)}
    mesh = {part.name for part in mesh_parts.members(suite.site, topology.with_sidecars(suite.site))}
    running = [name for name, found in suite.states().items() if found.state not in NOT_RUNNING]
    for wave in (
        [name for name in running if name not in servers | mesh],
        [name for name in running if name in mesh],
        [name for name in running if name in servers],
    ):
        if wave:
            with ThreadPoolExecutor(len(wave)) as pool:
                for stopped in [pool.submit(suite.supervisor.stop, name) for name in wave]:
                    stopped.result()


def stop_supervisor(suite: Suite) -> None:
    """End supervisor itself, and wait until its process is gone."""
    supervisor = Supervisor(suite.site)
    process = psutil.Process(supervisor.process_id())
    supervisor.shutdown()
    processes.wait_gone([process], SHUTDOWN_SECONDS)


def down(name: str, console: Console) -> int:
    """Stop a suite; harmless if it is down already."""
    directory = state.directory_of(name)
    began = time.monotonic()
    ran = False
    if (directory / "suite.json").is_file():
        suite = Suite.load(name)
        ran = suite.supervisor.is_running()
        if ran:
            try:
                stop_parts(suite)
                stop_supervisor(suite)
            except (OSError, Fault, HTTPException, SuiteError, psutil.Error) as error:
                console.print(f"supervisor failed ({error}); ending its processes one by one", markup=False)
    left = processes.left_behind(directory)
    processes.end(left)
    if still := processes.left_behind(directory):
        raise SuiteError(f"these processes would not end: {', '.join(str(process.pid) for process in still)}")
    took = f"is down ({time.monotonic() - began:.1f} s)" if ran or left else "was down"
    console.print(f"Suite {name} {took}.")
    return 0


def reset(name: str, console: Console) -> int:
    """Stop a suite and remove its state: databases, topics, workflows, mail, logs, passwords, ports."""
    down(name, console)
    directory = state.directory_of(name)
    if directory.is_dir():
        shutil.rmtree(directory)
    console.print(f"Removed {directory}.")
    return 0
