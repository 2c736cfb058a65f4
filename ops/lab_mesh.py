"""`make lab-mesh`: what the sidecars cost, by orders placed in turn with them and without.

A second suite is started beside the running one, the same code with MESH=off, and removed in the end. Orders
are placed in rounds, at one suite after the other, so that what else the machine does hits both.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from ops import arguments, lab, latency, mesh_parts, processes, roll, state
from ops.bench import Load, Measured, measure
from ops.errors import SuiteError
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2

ROUNDS = 4
STRAIGHT = "straight"


def lab_mesh(
    orders: Annotated[
        int,
        typer.Option(envvar="N", parser=arguments.whole("N", 8, 4000), help="How many with, and without."),
    ] = 200,
    as_json: Annotated[bool, typer.Option("--json", envvar="JSON", help="For a machine.")] = False,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Print times and CPU of a synchronous order with the mesh and without, and the memory of a sidecar."""
    running, _ = lab.prepared(suite)
    with beside(f"{suite[:20]}-{STRAIGHT}") as straight:
        in_turn = zip(rounds(running, orders // ROUNDS), rounds(straight, orders // ROUNDS), strict=True)
        mesh, off = zip(*in_turn, strict=True)
    lab.tell([row("on", mesh), row("off", off), ratio(mesh, off)], as_json)
    if not as_json:
        for line in memory(running):
            typer.echo(line)


@contextmanager
def beside(name: str) -> Iterator[Suite]:
    """A suite without the mesh, for the length of a block."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PORT_")}
    environment = {**kept, "SUITE": name, "MESH": "off"}
    try:
        _said("up", environment)
        yield Suite.load(name)
    finally:
        _said("reset", environment)


def _said(command: str, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", command],
        cwd=state.ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SuiteError(f"`{command}` of the suite without the mesh failed:\n{done.stdout}")


def rounds(suite: Suite, orders: int) -> Iterator[Measured]:
    """Rounds of orders one at a time, each measured when it is asked for."""
    who = lab.signed_in(suite)
    for _ in range(ROUNDS):
        yield measure(suite, who, Load(orders, 1, orders_pb2.COORDINATION_SYNC))


def p50(found: Sequence[Measured]) -> float:
    """Milliseconds of the middle order of all rounds."""
    return latency.quantile([time for one in found for time in one.whole], 0.5) * 1e3


def cpu(found: Sequence[Measured]) -> float:
    """Milliseconds of CPU per order, of all parts and of what places the orders."""
    return sum(sum(one.cpu.values()) for one in found) / sum(len(one.orders) for one in found) * 1e3


def row(mesh: str, found: Sequence[Measured]) -> dict[str, object]:
    """With or without the mesh."""
    return {"mesh": mesh, "orders": sum(len(one.orders) for one in found), "p50 ms": f"{p50(found):.1f}",
            "CPU ms per order": f"{cpu(found):.1f}"}  # fmt: skip


def ratio(mesh: Sequence[Measured], off: Sequence[Measured]) -> dict[str, object]:
    """The one by the other."""
    return {"mesh": "ratio", "orders": "", "p50 ms": f"{p50(mesh) / p50(off):.2f}",
            "CPU ms per order": f"{cpu(mesh) / cpu(off):.2f}"}  # fmt: skip


def memory(suite: Suite) -> Iterator[str]:
    """What the sidecars take, and what the mesh's own processes take."""
    sidecars = [mesh_parts.beside(one) for one in roll.proxies(suite) if one not in mesh_parts.ENTRIES]
    taken = [processes.memory(processes.family(suite.pid(name))) / 1e6 for name in sidecars]
    yield f"{len(taken)} sidecars take {sum(taken):.0f} MB, {sum(taken) / len(taken):.0f} MB each"
    own = [
        processes.memory(processes.family(suite.pid(name))) / 1e6
        for name in (mesh_parts.CONTROL, mesh_parts.CACHE)
    ]
    yield f"control plane {own[0]:.0f} MB, node cache {own[1]:.0f} MB"
