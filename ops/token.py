"""`make token`: prints a JWT of a demo user, for grpcurl and curl."""

from typing import Annotated

import typer

from ops import client
from ops.suite import Suite


def token(
    user: Annotated[str, typer.Option(envvar="USER", help="ada, bob, or olga (operator).")] = "ada",
    kind: Annotated[str, typer.Option(envvar="CLIENT", help="What it is for: api, web or mobile.")] = "api",
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Print a token and nothing else, so that `$(make token)` can be used in a command line."""
    with client.edge(Suite.load(suite)) as channel:
        typer.echo(client.sign_in(channel, user, kind))
