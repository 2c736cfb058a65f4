"""Programs of partners as operators and the partners' backend see them: the real server, a real database."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from kit.testing.postgres import scratch_url
from kit.testing.serve import serving
from kit.tokens import TokenVerifier
from ordermesh.users.v1 import users_service_pb2 as pb
from ordermesh.users.v1 import users_service_pb2_grpc
from services.users.settings import Settings
from services.users.tests.test_rpc import ADA, NOBODY, SEEDS, execute, refused, signed_in
from services.users.wiring import MIGRATIONS, build

pytestmark = pytest.mark.postgres
OLGA = "00000000-0000-4000-8000-000000000136"
SCOPES = ["orders:read", "orders:write"]


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    async with scratch_url(MIGRATIONS) as url:
        await execute(url, SEEDS.read_text())
        async with serving("users", build(Settings(listen="127.0.0.1:1", database_url=url))) as channel:
            yield channel


@pytest.fixture
def clients(channel: grpc.aio.Channel) -> Any:
    return users_service_pb2_grpc.ClientsServiceStub(channel)


@pytest.fixture
def users(channel: grpc.aio.Channel) -> Any:
    return users_service_pb2_grpc.UsersServiceStub(channel)


def create(**fields: Any) -> pb.CreateClientRequest:
    good = {"request_id": str(uuid.uuid4()), "user_id": ADA, "name": "A Shop", "scopes": SCOPES}
    return pb.CreateClientRequest(**(good | fields))


async def test_a_program_exchanges_its_secret_for_a_token_of_its_account(clients: Any, users: Any) -> None:
    olga = await signed_in(users, "olga")
    made = await clients.CreateClient(create(), metadata=olga)
    answer = await clients.IssueClientToken(
        pb.IssueClientTokenRequest(client_id=made.client_id, secret=made.secret, scopes=["orders:read"])
    )
    assert (answer.scopes, answer.lifetime.seconds) == (["orders:read"], 3600)

    async def keys() -> str:
        return str((await users.GetPublicKeys(pb.GetPublicKeysRequest())).jwks)

    caller = await TokenVerifier(keys, ["ordermesh-partner"]).verify(f"Bearer {answer.token}")
    assert (str(caller.user_id), caller.role) == (ADA, "customer")
    assert (caller.client_id, caller.scopes) == (made.client_id, frozenset({"orders:read"}))


async def test_the_secret_is_shown_once(clients: Any, users: Any) -> None:
    olga, request = await signed_in(users, "olga"), create()
    first = await clients.CreateClient(request, metadata=olga)
    again = await clients.CreateClient(request, metadata=olga)
    assert len(first.secret) >= 43
    assert (again.client_id, again.secret) == (first.client_id, "")
    request.name = "Another Shop"
    told = await refused(clients.CreateClient(request, metadata=olga))
    assert told.reason == "REQUEST_ID_MISMATCH"


@pytest.mark.parametrize("user_id", [OLGA, NOBODY])
async def test_no_program_acts_for_an_operator_or_for_nobody(clients: Any, users: Any, user_id: str) -> None:
    request = create(user_id=user_id)
    told = await refused(clients.CreateClient(request, metadata=await signed_in(users, "olga")))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "ACCOUNT_NOT_FOUND")


async def test_only_operators_register_programs(clients: Any, users: Any) -> None:
    told = await refused(clients.CreateClient(create(), metadata=await signed_in(users, "ada")))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OPERATOR_REQUIRED")


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"secret": "another"}, grpc.StatusCode.UNAUTHENTICATED, "CLIENT_INVALID"),
        ({"client_id": "another"}, grpc.StatusCode.UNAUTHENTICATED, "CLIENT_INVALID"),
        ({"scopes": ["webhooks:manage"]}, grpc.StatusCode.INVALID_ARGUMENT, "SCOPE_NOT_GRANTED"),
        ({"scopes": ["everything"]}, grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED"),
        ({"client_id": "a\0"}, grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED"),
    ],
)
async def test_what_is_not_granted_gets_no_token(
    clients: Any, users: Any, fields: dict[str, Any], code: grpc.StatusCode, reason: str
) -> None:
    made = await clients.CreateClient(create(), metadata=await signed_in(users, "olga"))
    asked = {"client_id": made.client_id, "secret": made.secret, "scopes": []} | fields
    told = await refused(clients.IssueClientToken(pb.IssueClientTokenRequest(**asked)))
    assert (told.code, told.reason) == (code, reason)
    assert made.secret not in told.message
