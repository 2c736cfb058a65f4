"""`make mesh allow|split|route|mirror|fault|access`: change the policy of the mesh.

A change is an edit of the policy's file, which keeps its comments: envoy/mesh.yaml for the suite "main", a
copy in the state of any other. It is refused, with lines, unless the whole file is good then; and the command
answers when the sidecars have taken it up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import typer

from mesh import policy_edits
from ops import arguments, columns, mesh_policy, mesh_tables
from ops.errors import SuiteError
from ops.suite import Suite

app = typer.Typer()

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
def allow(
    source: From = "", to: To = "", methods: Methods = "", off: Off = False, suite: SuiteName = "main"
) -> None:
    """Allow calls, or with OFF=1 deny them; without a caller and a callee who may call whom."""
    running = Suite.load(suite)
    if not source and not to:
        show(mesh_tables.allowed(mesh_policy.load(running)))
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
        show(mesh_tables.splits(mesh_policy.load(running)))


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
        show(mesh_tables.faults(mesh_policy.load(running)))


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
        typer.echo(f"access logs: {mesh_policy.load(running).telemetry.access_logs.value}")


def _edit(suite: Suite, change: Callable[[str], str]) -> None:
    began = time.monotonic()
    changed = mesh_policy.edit(suite, change)
    what = f"in force at all proxies after {time.monotonic() - began:.1f} s" if changed else "was so already"
    typer.echo(f"{suite.site.policy}: {what}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def show(rows: list[tuple[object, ...]]) -> None:
    """Print a table."""
    typer.echo("\n".join(columns.aligned(rows)))
