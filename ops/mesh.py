"""`make mesh …`: look at the mesh, and change its policy.

A change is an edit of the policy's file, which keeps its comments: envoy/mesh.yaml for the suite "main", a
copy in the state of any other. It is refused, with lines, unless the whole file is good then; and the command
answers when the sidecars have taken it up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import typer

from mesh import policy_edits, policy_reading, policy_writing
from mesh.policy import Policy
from mesh.policy_nodes import PolicyError
from ops import arguments, columns, envoy_admin, mesh_client, mesh_metrics, mesh_parts, mesh_tables, storage
from ops.envoy_admin import NoAnswer
from ops.errors import SuiteError
from ops.mesh_client import ControlPlane
from ops.suite import Suite

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
IN_FORCE_SECONDS = 20.0
LOOK_SECONDS = 0.1

SuiteName = Annotated[str, typer.Option(envvar="SUITE")]
From = Annotated[str, typer.Option("--from", envvar="FROM", help="The caller.")]
To = Annotated[str, typer.Option(envvar="TO", help="The callee.")]
Methods = Annotated[
    str, typer.Option(envvar="METHODS", help='RPCs by name, with commas between; "*" is all.')
]
Percent = Annotated[
    float, typer.Option(envvar="PERCENT", parser=arguments.real("PERCENT", 0, 100), help="Of the calls.")
]
Version = Annotated[str, typer.Option(envvar="VERSION", help="A version of the callee.")]
Off = Annotated[bool, typer.Option(envvar="OFF", help="Take it back.")]


@app.command()
def proxies(suite: SuiteName = "main") -> None:
    """Every sidecar and entry: its address, whether it is connected and has taken all that it was told."""
    with mesh_client.control_plane(Suite.load(suite)) as control:
        _print(mesh_tables.proxies(control.proxies()))
        _print_policy_state(control)


@app.command()
def certs(suite: SuiteName = "main") -> None:
    """Every workload's certificate, and the roots behind them."""
    with mesh_client.control_plane(Suite.load(suite)) as control:
        certificates, roots = control.certificates()
        _print(mesh_tables.certificates(certificates))
        typer.echo("")
        _print(mesh_tables.roots(roots))


@app.command()
def rotate(suite: SuiteName = "main") -> None:
    """Replace the root certificate: trust the new one, re-issue all others, drop the old one."""
    with mesh_client.control_plane(Suite.load(suite)) as control:
        for step in control.rotate_root():
            typer.echo(mesh_tables.step(step))


@app.command()
def routes(source: From = "", to: To = "", suite: SuiteName = "main") -> None:
    """Who may call which methods, and how each is called: timeout, tries, versions, mirrors, faults."""
    _print(mesh_tables.routes(_policy(Suite.load(suite)), source, to))


@app.command()
def metrics(suite: SuiteName = "main") -> None:
    """Calls, failures, second tries and times of every pair of services, since their sidecars started."""
    running = Suite.load(suite)
    mesh_client.require_mesh(running)
    found = []
    for name in (*(one.name for one in storage.sidecars(running.site)), *mesh_parts.ENTRIES):
        try:
            stats = envoy_admin.stats(envoy_admin.of(running.site, name), mesh_metrics.STATS)
        except NoAnswer as error:
            typer.echo(f"{name} is left out: {error}", err=True)
        else:
            found += mesh_metrics.pairs(name, stats)
    _print(mesh_tables.metrics(found))


@app.command()
def allow(
    source: From = "", to: To = "", methods: Methods = "", off: Off = False, suite: SuiteName = "main"
) -> None:
    """Allow calls, or with OFF=1 deny them; without a caller and a callee who may call whom."""
    running = Suite.load(suite)
    if not source and not to:
        _print(mesh_tables.allowed(_policy(running)))
        return
    if not (source and to and (methods or off)):
        raise SuiteError(
            "allow wants FROM=caller TO=callee METHODS=Name,Name (or OFF=1, which takes all or these)"
        )
    named = _names(methods) or ("*",)
    change = policy_edits.without_allow if off else policy_edits.with_allow
    _edit(running, lambda text: change(text, source, to, named))


@app.command()
def split(
    to: To = "",
    weights: Annotated[str, typer.Option(envvar="WEIGHTS", help="v1:90,v2:10, in percent.")] = "",
    off: Off = False,
    suite: SuiteName = "main",
) -> None:
    """Share a service's calls between its versions; without WEIGHTS how they are shared."""
    running = Suite.load(suite)
    if off:
        _edit(running, lambda text: policy_edits.without_split(text, to or None))
    elif to and weights:
        shares = arguments.pairs("WEIGHTS", weights)
        numbers = {name: arguments.whole("WEIGHTS", 0, 100)(share) for name, share in shares.items()}
        _edit(running, lambda text: policy_edits.with_split(text, to, numbers))
    elif weights:
        raise SuiteError("split wants TO=service WEIGHTS=v1:90,v2:10 (or OFF=1)")
    else:
        _print(mesh_tables.splits(_policy(running)))


@app.command()
def route(  # noqa: PLR0913, PLR0917 - each is a variable of the door
    to: To = "",
    version: Version = "",
    headers: Annotated[str, typer.Option(envvar="HEADERS", help="x-canary:1; the value * is any.")] = "",
    source: From = "",
    methods: Methods = "",
    off: Off = False,
    suite: SuiteName = "main",
) -> None:
    """Send calls with these headers to one version of a service; OFF=1 takes such routes back."""
    running = Suite.load(suite)
    if off:
        _edit(running, lambda text: policy_edits.without_routes(text, to or None, source or None))
        return
    if not (to and version and headers):
        raise SuiteError(
            "route wants TO=service VERSION=v2 HEADERS=x-canary:1 (and FROM=, METHODS=), or OFF=1"
        )
    new = policy_edits.NewRoute(
        to, version, arguments.pairs("HEADERS", headers), source or None, _names(methods)
    )
    _edit(running, lambda text: policy_edits.with_route(text, new))


@app.command()
def mirror(
    to: To = "",
    version: Version = "",
    percent: Percent = 100.0,
    methods: Methods = "*",
    off: Off = False,
    suite: SuiteName = "main",
) -> None:
    """Send a share of a service's calls also to a version, whose answers nobody sees; OFF=1 ends it."""
    running = Suite.load(suite)
    if off:
        _edit(running, lambda text: policy_edits.without_mirror(text, to or None))
        return
    if not (to and version):
        raise SuiteError("mirror wants TO=service VERSION=v2 (and PERCENT=, METHODS=), or OFF=1")
    named = _names(methods)
    _edit(running, lambda text: policy_edits.with_mirror(text, to, version, f"{percent:g}", named))


@app.command()
def fault(  # noqa: PLR0913, PLR0917 - each is a variable of the door
    to: To = "",
    source: From = "",
    methods: Methods = "",
    delay: Annotated[str, typer.Option(envvar="DELAY", help="Such as 200ms.")] = "",
    abort: Annotated[str, typer.Option(envvar="ABORT", help="A gRPC status, such as UNAVAILABLE.")] = "",
    percent: Percent = 100.0,
    off: Off = False,
    suite: SuiteName = "main",
) -> None:
    """Delay or refuse calls on purpose; OFF=1 ends it; without TO the faults that are injected."""
    running = Suite.load(suite)
    if off:
        _edit(running, lambda text: policy_edits.without_faults(text, to or None, source or None))
    elif to and (delay or abort):
        new = policy_edits.NewFault(
            to, f"{percent:g}", delay or None, abort or None, source or None, _names(methods)
        )
        _edit(running, lambda text: policy_edits.with_fault(text, new))
    elif to:
        raise SuiteError(
            "fault wants TO=service and DELAY=200ms or ABORT=UNAVAILABLE (and PERCENT=), or OFF=1"
        )
    else:
        _print(mesh_tables.faults(_policy(running)))


@app.command()
def access(
    logs: Annotated[str, typer.Option(envvar="LOGS", help="errors, all or off.")] = "",
    suite: SuiteName = "main",
) -> None:
    """Which calls get a line in the sidecars' logs: those that fail, all or none."""
    running = Suite.load(suite)
    if logs:
        _edit(running, lambda text: policy_edits.with_access_logs(text, logs))
    else:
        typer.echo(f"access logs: {_policy(running).telemetry.access_logs.value}")


def edit(suite: Suite, change: Callable[[str], str]) -> bool:
    """Change the policy of a running suite; returns when all its proxies go by it, whether anything changed.

    Raises SuiteError with the lines if the result would be wrong: then nothing is changed.
    """
    with mesh_client.control_plane(suite) as control:
        try:
            changed: bool = policy_writing.apply(suite.site.root / suite.site.policy, change)
        except (PolicyError, ValueError) as error:
            raise SuiteError(f"{suite.site.policy} is left as it is:\n{error}") from error
        _wait_in_force(control)
    return changed


def _edit(suite: Suite, change: Callable[[str], str]) -> None:
    began = time.monotonic()
    changed = edit(suite, change)
    what = f"in force at all proxies after {time.monotonic() - began:.1f} s" if changed else "was so already"
    typer.echo(f"{suite.site.policy}: {what}")


def _wait_in_force(control: ControlPlane) -> None:
    """Until the control plane goes by the file as it is now, and every connected proxy has taken that up."""
    until = time.monotonic() + IN_FORCE_SECONDS
    while True:
        state, behind = control.policy_state(), []
        if state.in_force:
            behind = [one.node_id for one in control.proxies() if one.connected and not one.in_step]
            if not behind:
                return
        if time.monotonic() > until:
            raise SuiteError(
                f"these proxies do not take it up: {', '.join(behind)}; `make mesh proxies` says why"
                if behind
                else "the control plane refuses the file:\n" + "\n".join(mesh_tables.mistakes(state))
            )
        time.sleep(LOOK_SECONDS)


def _policy(suite: Suite) -> Policy:
    try:
        return policy_reading.load(suite.site.root / suite.site.policy)
    except PolicyError as error:
        raise SuiteError(f"{suite.site.policy}:\n{error}") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _print(rows: list[tuple[object, ...]]) -> None:
    typer.echo("\n".join(columns.aligned(rows)))


def _print_policy_state(control: ControlPlane) -> None:
    state = control.policy_state()
    if not state.in_force:
        typer.echo(
            "the policy's file is refused, what held before does:\n" + "\n".join(mesh_tables.mistakes(state))
        )
