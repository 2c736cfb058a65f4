"""Calls the suite as a user does: through the edge, with a token."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc
from google.rpc.error_details_pb2 import ErrorInfo

from kit.errors import error_info
from ops.errors import SuiteError
from ops.suite import Suite
from ordermesh.users.v1 import users_service_pb2, users_service_pb2_grpc

DEMO_PASSWORD = "ordermesh-demo"  # noqa: S105 - the seeded demo users' documented password
CALL_SECONDS = 10.0

Metadata = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True)
class Refusal:
    """What an RPC's error said: its status code's name, the stable reason, the details."""

    code: str
    reason: str
    message: str
    details: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for a person."""
        said = " ".join(f"{key}={value}" for key, value in sorted(self.details.items()))
        return f"{self.code} {self.reason}: {self.message}" + (f" ({said})" if said else "")


def refusal(error: grpc.RpcError) -> Refusal:
    """What an error said, as far as it has a google.rpc.Status."""
    info = error_info(error) or ErrorInfo()
    return Refusal(error.code().name, info.reason, error.details() or "", dict(info.metadata))


def edge(suite: Suite) -> grpc.Channel:
    """A channel to the public entry."""
    suite.require_running()
    return grpc.insecure_channel(suite.address("edge"))


def operator(suite: Suite) -> grpc.Channel:
    """A channel to the operator's entry."""
    suite.require_running()
    return grpc.insecure_channel(suite.address("operator"))


def sign_in(channel: grpc.Channel, username: str, client: str = "api") -> str:
    """A token of a demo user for a kind of client: api, web or mobile. Raises SuiteError with the way out."""
    kinds = {name.removeprefix("CLIENT_").lower(): value for name, value in users_service_pb2.Client.items()}
    if client not in kinds:
        raise SuiteError(f"there is no client {client!r}; CLIENT=… is api, web or mobile")
    users = users_service_pb2_grpc.UsersServiceStub(channel)
    request = users_service_pb2.SignInRequest(username=username, password=DEMO_PASSWORD, client=kinds[client])
    try:
        return users.SignIn(request, timeout=CALL_SECONDS).token
    except grpc.RpcError as error:
        said = refusal(error)
        hint = (
            "the demo users are ada, bob and olga" if said.code == "UNAUTHENTICATED" else "see `make status`"
        )
        raise SuiteError(f"cannot sign in as {username}: {said}; {hint}") from error


def bearer(token: str) -> Metadata:
    """The metadata that carries a token."""
    return (("authorization", f"Bearer {token}"),)
