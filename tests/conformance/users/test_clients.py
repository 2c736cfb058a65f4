"""What every implementation of ordermesh.users.v1 does for partners: programs, secrets, tokens."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from ops.client import Metadata
from ordermesh.users.v1 import users_service_pb2 as pb
from ordermesh.users.v1 import users_service_pb2_grpc
from tests.harness.customer import Customer
from tests.harness.refusals import refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
SCOPES = ["orders:read", "orders:write"]
NOBODY = "6f8f57d0-5d1c-4e0b-9d57-0c3f2b8b1a11"
OLGA = "00000000-0000-4000-8000-000000000136"


class Clients:
    """The service as an operator and the partners' backend call it."""

    def __init__(self, channel: grpc.Channel, operator: Metadata) -> None:
        self.operator = operator
        self.stub = users_service_pb2_grpc.ClientsServiceStub(channel)
        self.users = users_service_pb2_grpc.UsersServiceStub(channel)

    def create(
        self, user_id: str, request_id: str = "", caller: Metadata | None = None, name: str = "A Test"
    ) -> pb.CreateClientResponse:
        request = pb.CreateClientRequest(
            request_id=request_id or str(uuid.uuid4()), user_id=user_id, name=name, scopes=SCOPES
        )
        return self.stub.CreateClient(request, metadata=caller or self.operator, timeout=SECONDS)

    def token(self, client_id: str, secret: str, *scopes: str) -> pb.IssueClientTokenResponse:
        request = pb.IssueClientTokenRequest(client_id=client_id, secret=secret, scopes=scopes)
        return self.stub.IssueClientToken(request, timeout=SECONDS)

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says, verified with the published keys."""
        jwks = json.loads(self.users.GetPublicKeys(pb.GetPublicKeysRequest(), timeout=SECONDS).jwks)
        return dict(jwt.decode(token, KeySet.import_key_set(jwks), algorithms=["ES256"]).claims)


@pytest.fixture
def clients(channel_to: Callable[[str], grpc.Channel], olga: Metadata) -> Clients:
    return Clients(channel_to("users"), olga)


@pytest.mark.parametrize(("asked", "allowed"), [((), SCOPES), (("orders:read",), ["orders:read"])])
def test_a_secret_is_worth_a_token_of_its_account(
    clients: Clients, customer: Customer, asked: tuple[str, ...], allowed: list[str]
) -> None:
    made = clients.create(customer.user_id)
    answer = clients.token(made.client_id, made.secret, *asked)
    claims = clients.claims(answer.token)
    assert (claims["sub"], claims["aud"], claims["role"]) == (
        customer.user_id,
        "ordermesh-partner",
        "customer",
    )
    assert (claims["client_id"], claims["scope"].split()) == (made.client_id, allowed)
    assert list(answer.scopes) == allowed
    assert claims["exp"] - claims["iat"] == answer.lifetime.seconds > 0


def test_a_secret_is_shown_once(clients: Clients, customer: Customer) -> None:
    request_id = str(uuid.uuid4())
    first, again = (clients.create(customer.user_id, request_id) for _ in range(2))
    assert (again.client_id, bool(first.secret), again.secret) == (first.client_id, True, "")
    other = refused(lambda: clients.create(customer.user_id, request_id, name="Another"))
    assert other.short == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")


def test_a_wrong_secret_and_an_unknown_client_look_the_same(clients: Clients, customer: Customer) -> None:
    made = clients.create(customer.user_id)
    wrong = refused(lambda: clients.token(made.client_id, "wrong"))
    unknown = refused(lambda: clients.token(NOBODY, made.secret))
    assert wrong.short == unknown.short == ("UNAUTHENTICATED", "CLIENT_INVALID")
    assert wrong.message == unknown.message


def test_a_scope_that_was_not_registered_is_not_granted(clients: Clients, customer: Customer) -> None:
    made = clients.create(customer.user_id)
    told = refused(lambda: clients.token(made.client_id, made.secret, "orders:read", "webhooks:manage"))
    assert (told.short, told.fields) == (("INVALID_ARGUMENT", "SCOPE_NOT_GRANTED"), ("scopes",))


@pytest.mark.parametrize("user_id", [NOBODY, OLGA])
def test_no_program_acts_for_an_operator_or_for_nobody(clients: Clients, user_id: str) -> None:
    told = refused(lambda: clients.create(user_id))
    assert told.short == ("NOT_FOUND", "ACCOUNT_NOT_FOUND")


def test_only_operators_register_programs(clients: Clients, customer: Customer) -> None:
    told = refused(lambda: clients.create(customer.user_id, caller=customer.metadata))
    assert told.short == ("PERMISSION_DENIED", "OPERATOR_REQUIRED")
