"""`make scale`: more instances of a service, or fewer; the mesh spreads the calls over them.

A new instance starts its application first and its sidecar then, which makes it known; one that goes gets no
new calls first, finishes those that it has, and leaves then.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated

import typer

from ops import arguments, mesh_client, mesh_parts, plans, roll, state, topology
from ops.compose.site import with_more
from ops.errors import SuiteError
from ops.site import FIRST_VERSION, HOST, Instance, Site
from ops.suite import Suite

MOST = 8
MOST_CONTAINED = 2
"""In containers there are as many as compose.yaml has."""
READY_SECONDS = 60.0


def scale(
    service: Annotated[str, typer.Option(envvar="S", help="A service or front of the suite.")] = "",
    number: Annotated[int, typer.Option(envvar="N", help="How many instances.")] = 0,
    version: Annotated[
        str, typer.Option(envvar="VERSION", parser=arguments.word("VERSION", "v2"), help="Of new instances.")
    ] = FIRST_VERSION,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Start or stop instances until there are so many, and show them."""
    if service not in topology.WORKLOADS:
        raise SuiteError(f"S={service}: it is one of {', '.join(topology.WORKLOADS)}")
    with state.exclusive(suite):
        running = Suite.load(suite)
        most = MOST_CONTAINED if running.site.contained else MOST
        if not 1 <= number <= most:
            raise SuiteError(f"N={number}: it is 1 to {most}")
        mesh_client.require_mesh(running)
        now = scaled(running, service, number, version)
    for one in now.site.instances(service):
        typer.echo(f"{one.name:<18} {one.version}   port {now.ports[one.name]} (its sidecar)")


def scaled(suite: Suite, service: str, number: int, version: str) -> Suite:
    """The suite with so many instances of a service, all healthy."""
    have = suite.site.instances(service)
    for gone in reversed(have[number:]):
        suite = without(suite, gone)
    for name in list(new_names(suite.site, service))[: max(0, number - len(have))]:
        suite = with_one_more(suite, Instance(name, service, version))
    return suite


def new_names(site: Site, service: str) -> Iterator[str]:
    """Names that no instance of the service has: `inventory-2`, `inventory-3`, …"""
    taken = {one.name for one in site.instances(service)}
    return (name for number in range(2, MOST + 1) if (name := f"{service}-{number}") not in taken)


def with_one_more(suite: Suite, instance: Instance) -> Suite:
    """Start an instance and wait until the control plane knows it."""
    if suite.site.contained:
        larger = Suite(with_more(suite.site, [instance]))
    else:
        ports = {**suite.site.ports, instance.name: free_port(suite.site)}
        larger = Suite(replace(suite.site, scaled=(*suite.site.scaled, instance), ports=ports))
    state.save_scaled(larger.site)
    plans.write_plans(larger.site, larger.parts.values())
    larger.supervisor.ensure_running(larger.parts.values())
    for part in (instance.name, mesh_parts.beside(instance.name)):
        larger.start(part)
        larger.wait_ready(part, READY_SECONDS)
    with mesh_client.control_plane(larger) as control:
        roll.admitted(larger, control, instance)
    return larger


def without(suite: Suite, instance: Instance) -> Suite:
    """Drain an instance, stop it, and forget it."""
    with mesh_client.control_plane(suite) as control:
        roll.drained(suite, control, instance)
        suite.stop(instance.name)
        control.remove(instance.name)
        suite.stop(mesh_parts.beside(instance.name))
    left = tuple(one for one in suite.site.scaled if one != instance)
    ports = {name: port for name, port in suite.site.ports.items() if name != instance.name}
    smaller = Suite(replace(suite.site, scaled=left, ports=ports))
    state.save_scaled(smaller.site)
    smaller.supervisor.ensure_running(smaller.parts.values())  # forgets what is not listed any more
    for part in (instance.name, mesh_parts.beside(instance.name)):
        (smaller.site.prepared(part, "env") / f"{part}.json").unlink(missing_ok=True)
    return smaller


def free_port(site: Site) -> int:
    """A port that nobody listens on, and that is not another part's."""
    with ExitStack() as held:
        while True:
            probe = held.enter_context(socket.socket())
            probe.bind((HOST, 0))
            if (port := int(probe.getsockname()[1])) not in site.ports.values():
                return port
