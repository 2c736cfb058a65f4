"""`make partner-client`: registers a program of a partner, and prints its credentials."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Annotated

import grpc
import typer

from ops import client
from ops.approve import OPERATOR
from ops.errors import SuiteError
from ops.suite import Suite
from ordermesh.users.v1 import users_service_pb2, users_service_pb2_grpc

SCOPES = "products:read,orders:read,orders:write,webhooks:manage"


def partner_client(
    user: Annotated[str, typer.Option(envvar="USER", help="The account that it acts for.")] = "ada",
    name: Annotated[str, typer.Option(envvar="NAME", help="What people call it.")] = "A demo",
    scopes: Annotated[
        str, typer.Option(envvar="SCOPES", help="What it may ask for, joined by commas.")
    ] = SCOPES,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Print CLIENT_ID and CLIENT_SECRET as a shell takes them: `eval "$(make partner-client)"`."""
    with client.operator(Suite.load(suite)) as channel:
        account = _subject(client.sign_in(channel, user))
        made = register(channel, account, name, scopes.split(","))
    typer.echo(f"CLIENT_ID={made.client_id}\nCLIENT_SECRET={made.secret}")


def register(
    channel: grpc.Channel, user_id: str, name: str, scopes: list[str]
) -> users_service_pb2.CreateClientResponse:
    """Register a program for an account, as an operator. Raises SuiteError with what is wrong."""
    request = users_service_pb2.CreateClientRequest(
        request_id=str(uuid.uuid4()), user_id=user_id, name=name, scopes=scopes
    )
    who = client.bearer(client.sign_in(channel, OPERATOR))
    clients = users_service_pb2_grpc.ClientsServiceStub(channel)
    try:
        return clients.CreateClient(request, metadata=who, timeout=client.CALL_SECONDS)
    except grpc.RpcError as error:
        raise SuiteError(f"the program was not registered: {client.refusal(error)}") from error


def _subject(token: str) -> str:
    """Whose token it is: it comes from the suite itself, so there is nothing to verify."""
    claims = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])
