"""`make roll`: restart services instance by instance, so that no call fails where there are two of each.

For each instance: no new calls (and every caller's proxy knows it), then the calls under way end, then the
application stops while its sidecar still carries what it asks of others; the sidecar is restarted first and
the application then, and only when it is healthy it gets calls again.
"""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ops import envoy_admin, mesh_client, mesh_parts, state, topology
from ops.envoy_admin import NoAnswer
from ops.errors import SuiteError
from ops.mesh_client import ControlPlane
from ops.site import Instance
from ops.suite import Suite

READY_SECONDS = 60.0
DRAIN_SECONDS = 30.0
"""How long the calls under way may take to end; a stream ends when its application stops, and is resumed."""
LOOK_SECONDS = 0.05
ACTIVE = "http.inbound.downstream_rq_active"


def roll(
    service: Annotated[str, typer.Option(envvar="S", help="A service; without it all, one by one.")] = "",
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Restart all instances of a service, or of all services, one after the other."""
    if service and service not in topology.WORKLOADS:
        raise SuiteError(f"S={service}: it is one of {', '.join(topology.WORKLOADS)}")
    with state.exclusive(suite):
        running = Suite.load(suite)
        with mesh_client.control_plane(running) as control:
            for name in [service] if service else topology.WORKLOADS:
                for instance in running.site.instances(name):
                    began = time.monotonic()
                    restarted(running, control, instance)
                    typer.echo(f"{instance.name} is restarted ({time.monotonic() - began:.1f} s)")


def restarted(suite: Suite, control: ControlPlane, instance: Instance) -> None:
    """One instance with its sidecar."""
    beside = mesh_parts.beside(instance.name)
    drained(suite, control, instance)
    suite.stop(instance.name)
    suite.stop(beside)
    for part in (beside, instance.name):
        suite.start(part)
        suite.wait_ready(part, READY_SECONDS)
    admitted(suite, control, instance)


def admitted(suite: Suite, control: ControlPlane, instance: Instance) -> None:
    """It gets calls: every caller's proxy knows it, and has found it well. SuiteError if one does not."""
    control.readmit(instance.name)
    until = time.monotonic() + READY_SECONDS
    while unaware := [name for name in proxies(suite) if not _sends(suite, name, instance)]:
        if time.monotonic() > until:
            raise SuiteError(f"{instance.name} is not found well by the proxies of {', '.join(unaware)}")
        time.sleep(LOOK_SECONDS)


def proxies(suite: Suite) -> list[str]:
    """The names of all sidecars' instances and of the entries."""
    return [*(one.name for one in topology.with_sidecars(suite.site)), *mesh_parts.ENTRIES]


def _sends(suite: Suite, name: str, instance: Instance) -> bool:
    try:
        where = envoy_admin.of(suite.site, name)
        return envoy_admin.well(where, instance.workload, suite.ports[instance.name])
    except NoAnswer:
        return True  # one that is down sends nothing


def drained(suite: Suite, control: ControlPlane, instance: Instance) -> None:
    """It gets no new calls, and those that it has have ended, or had time to."""
    # the only one of its service is drained, too: its callers then try again until it is back
    control.drain(instance.name, allow_last=True)
    until = time.monotonic() + DRAIN_SECONDS
    while active(suite, instance) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)


def active(suite: Suite, instance: Instance) -> int:
    """How many calls to an instance are under way at its sidecar; 0 if that is down."""
    try:
        return envoy_admin.counted(envoy_admin.of(suite.site, instance.name), ACTIVE)
    except NoAnswer:
        return 0
