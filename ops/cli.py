"""The operator's commands, one for each door of the Makefile; `SUITE` chooses the suite."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Annotated

import typer
from rich.console import Console

from ops import state
from ops.errors import SuiteError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
# in a log a line is as long as it is; a terminal wraps it itself
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
SuiteName = Annotated[str, typer.Option("--suite", envvar="SUITE", help="The suite's name.")]
PartName = Annotated[str, typer.Argument(help="A part, as `make status` lists them.")]
# Commands whose modules are imported only when asked for: they bring gRPC clients along
BUSINESS_COMMANDS = frozenset(
    [
        *(
            "demo",
            "token",
            "audit",
            "bench",
            "events",
            "dlq",
            "lag",
            "mail",
            "load",
            "approve",
            "compare",
            "doors",
        ),
        *("scale", "roll", "lab_latency", "lab_availability", "lab_mesh"),
        *("webhook_sink", "partner_client"),
    ]
)
GROUPS = frozenset({"mesh"})
"""Doors with commands of their own: `ops.<name>.app`."""


@app.command()
def up(suite: SuiteName = "main") -> None:
    """Start everything that does not run, and wait until it is healthy."""
    from ops import up as module

    with state.exclusive(suite):
        raise typer.Exit(module.up(suite, console))


@app.command()
def down(suite: SuiteName = "main") -> None:
    """Stop everything; no process is left."""
    from ops import down as module

    with state.exclusive(suite):
        raise typer.Exit(module.down(suite, console))


@app.command()
def reset(suite: SuiteName = "main") -> None:
    """Stop everything and remove the suite's state."""
    from ops import down as module

    with state.exclusive(suite):
        raise typer.Exit(module.reset(suite, console))


@app.command()
def status(suite: SuiteName = "main") -> None:
    """Every part: state, pid, time up, memory, port, health."""
    from ops import status as module

    raise typer.Exit(module.status(suite, console))


@app.command()
def logs(
    part: Annotated[str, typer.Argument()] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
    suite: SuiteName = "main",
) -> None:
    """The last 100 lines of one part's log, or of all."""
    from ops import logs as module

    raise typer.Exit(module.show(suite, part, follow))


@app.command()
def start(part: PartName, suite: SuiteName = "main") -> None:
    """Start one part and wait until it is healthy."""
    from ops import control

    raise typer.Exit(control.start(suite, part, console))


@app.command()
def stop(part: PartName, suite: SuiteName = "main") -> None:
    """Stop one part; it stays down until started."""
    from ops import control

    raise typer.Exit(control.stop(suite, part, console))


@app.command()
def restart(part: PartName, suite: SuiteName = "main") -> None:
    """Restart one part and wait until it is healthy."""
    from ops import control

    raise typer.Exit(control.restart(suite, part, console))


@app.command()
def rebuild(part: PartName, suite: SuiteName = "main") -> None:
    """Let a service build its read model anew from all events."""
    from ops import rebuild as module

    with state.exclusive(suite):
        raise typer.Exit(module.rebuild(suite, part, console))


@app.command()
def doctor(suite: SuiteName = "main") -> None:
    """Say what is wrong and what to do about it."""
    from ops import doctor as module

    raise typer.Exit(module.doctor(suite, console))


def register_business_command(name: str) -> None:
    """Add `ops.<name>.<name>` as a command, if it is asked for and exists."""
    if name in GROUPS:
        app.add_typer(importlib.import_module(f"ops.{name}").app, name=name)
    elif name in BUSINESS_COMMANDS and importlib.util.find_spec(f"ops.{name}"):
        app.command(name)(getattr(importlib.import_module(f"ops.{name}"), name))


def main() -> None:
    """Run the command line; an expected error is a sentence, not a traceback."""
    try:
        if len(sys.argv) > 1:
            register_business_command(sys.argv[1])
        app()
    except SuiteError as error:
        Console(stderr=True).print(f"{error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
