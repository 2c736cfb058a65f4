"""`make mesh …`: look at the mesh, and rotate its root. Its changes are in `ops.mesh_changes`."""

from __future__ import annotations

import typer

from ops import (
    envoy_admin,
    mesh_changes,
    mesh_client,
    mesh_metrics,
    mesh_policy,
    mesh_tables,
    roll,
    topology,
)
from ops.envoy_admin import NoAnswer
from ops.mesh_changes import From, SuiteName, To, show
from ops.mesh_client import ControlPlane
from ops.suite import Suite

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(mesh_changes.app)


@app.command()
def proxies(suite: SuiteName = "main") -> None:
    """Every sidecar and entry: its address, whether it is connected and has taken all that it was told."""
    with mesh_client.control_plane(Suite.load(suite)) as control:
        show(mesh_tables.proxies(control.proxies()))
        _show_policy_state(control)


@app.command()
def certs(suite: SuiteName = "main") -> None:
    """Every workload's certificate, and the roots behind them."""
    with mesh_client.control_plane(Suite.load(suite)) as control:
        certificates, roots = control.certificates()
        show(mesh_tables.certificates(certificates))
        typer.echo("")
        show(mesh_tables.roots(roots))


@app.command()
def rotate(suite: SuiteName = "main") -> None:
    """Replace the root certificate: trust the new one, re-issue all others, drop the old one."""
    with mesh_client.control_plane(Suite.load(suite)) as control:
        for step in control.rotate_root():
            typer.echo(mesh_tables.step(step))


@app.command()
def routes(source: From = "", to: To = "", suite: SuiteName = "main") -> None:
    """Who may call which methods, and how each is called: timeout, tries, versions, mirrors, faults."""
    show(mesh_tables.routes(mesh_policy.load(Suite.load(suite)), source, to))


@app.command()
def metrics(suite: SuiteName = "main") -> None:
    """Calls, failures, second tries and times of every pair of services, since their sidecars started."""
    running = Suite.load(suite)
    mesh_client.require_mesh(running)
    found = []
    for name in roll.proxies(running):
        try:
            stats = envoy_admin.stats(envoy_admin.of(running.site, name), mesh_metrics.STATS)
        except NoAnswer as error:
            typer.echo(f"{name} is left out: {error}", err=True)
        else:
            found += mesh_metrics.pairs(name, stats)
    # not the control plane, the own application and what describes the services
    show(mesh_tables.metrics([pair for pair in found if pair.callee in topology.WORKLOADS]))


def _show_policy_state(control: ControlPlane) -> None:
    state = control.policy_state()
    if not state.in_force:
        typer.echo(
            "the policy's file is refused, what held before does:\n" + "\n".join(mesh_tables.mistakes(state))
        )
