"""The service as its callers see it: the real server on a real database, with good and bad input."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import grpc
import pytest

from kit.testing.postgres import scratch_url
from kit.testing.serve import Told, serving
from kit.testing.tokens import Issuer
from ordermesh.users.v1 import users_service_pb2 as pb
from ordermesh.users.v1 import users_service_pb2_grpc
from services.users.settings import Settings
from services.users.wiring import MIGRATIONS, build

pytestmark = pytest.mark.postgres
SEEDS = MIGRATIONS.parent / "seeds" / "20261123000001_demo_users.sql"
ADA = "00000000-0000-4000-8000-0000000000ad"
BOB = "00000000-0000-4000-8000-000000000b0b"
NOBODY = "00000000-0000-4000-8000-00000000dead"
DEMO = "ordermesh-demo"
PASSWORD = "correct horse battery"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with scratch_url(MIGRATIONS) as url:
        await execute(url, SEEDS.read_text())
        yield url


@pytest.fixture
async def channel(url: str) -> AsyncIterator[grpc.aio.Channel]:
    async with serving("users", build(Settings(listen="127.0.0.1:1", database_url=url))) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return users_service_pb2_grpc.UsersServiceStub(channel)


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


def create_user(**fields: str) -> pb.CreateUserRequest:
    good = {
        "request_id": str(uuid.uuid4()),
        "username": "grace",
        "email": "grace@example.com",
        "display_name": "Grace Hopper",
        "password": PASSWORD,
    }
    return pb.CreateUserRequest(**(good | fields))


async def signed_in(stub: Any, username: str, password: str = DEMO) -> tuple[tuple[str, str], ...]:
    answer = await stub.SignIn(pb.SignInRequest(username=username, password=password))
    return (("authorization", f"Bearer {answer.token}"),)


async def refused(call: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Told(caught.value)


async def test_a_new_customer_signs_in_and_reads_their_account(stub: Any) -> None:
    request = create_user()
    user = (await stub.CreateUser(request)).user
    assert (await stub.CreateUser(request)).user == user
    metadata = await signed_in(stub, "grace", PASSWORD)
    assert (await stub.GetUser(pb.GetUserRequest(user_id=user.user_id), metadata=metadata)).user == user


async def test_a_foreign_account_and_an_unknown_one_look_the_same(stub: Any) -> None:
    ada, olga = await signed_in(stub, "ada"), await signed_in(stub, "olga")
    answers = [
        await refused(stub.GetUser(pb.GetUserRequest(user_id=user_id), metadata=metadata))
        for user_id, metadata in ((BOB, ada), (NOBODY, ada), (NOBODY, olga))
    ]
    assert {(told.code, told.reason, told.message) for told in answers} == {
        (grpc.StatusCode.PERMISSION_DENIED, "ACCESS_DENIED", "no such thing, or it is not yours")
    }
    found = await stub.GetUser(pb.GetUserRequest(user_id=BOB), metadata=olga)
    assert found.user.username == "bob"


async def test_without_a_token_of_ours_no_account_is_read(stub: Any) -> None:
    request = pb.GetUserRequest(user_id=ADA)
    strangers = Issuer().authorization(uuid.UUID(ADA))
    for metadata, reason in (((), "TOKEN_MISSING"), (strangers, "TOKEN_INVALID")):
        told = await refused(stub.GetUser(request, metadata=metadata))
        assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(stub: Any) -> None:
    answers = [
        await refused(stub.SignIn(pb.SignInRequest(username=username, password="wrong")))
        for username in ("ada", "nobody")
    ]
    assert {(told.code, told.reason, told.message) for told in answers} == {
        (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID", "the username or the password is wrong")
    }


async def test_a_taken_name_is_refused(stub: Any) -> None:
    told = await refused(stub.CreateUser(create_user(username="ada")))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "USERNAME_TAKEN")
    assert (told.domain, told.metadata) == ("users.ordermesh", {"username": "ada"})


async def test_a_request_id_names_one_content(stub: Any) -> None:
    request = create_user()
    await stub.CreateUser(request)
    told = await refused(stub.CreateUser(create_user(request_id=request.request_id, username="eve")))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_MISMATCH")


async def test_everybody_may_have_the_public_keys_and_only_those(stub: Any) -> None:
    keys = json.loads((await stub.GetPublicKeys(pb.GetPublicKeysRequest())).jwks)["keys"]
    assert [sorted(key) for key in keys] == [["alg", "crv", "kid", "kty", "use", "x", "y"]]


async def test_contacts_are_for_workloads_and_never_for_the_edge(channel: grpc.aio.Channel) -> None:
    contacts: Any = users_service_pb2_grpc.ContactsServiceStub(channel)
    request = pb.GetContactRequest(user_id=ADA)
    answer = await contacts.GetContact(request)
    assert (answer.email, answer.display_name) == ("ada@example.com", "Ada Lovelace")
    told = await refused(contacts.GetContact(request, metadata=(("x-ordermesh-entry", "edge"),)))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "WORKLOAD_NOT_ALLOWED")
    told = await refused(contacts.GetContact(pb.GetContactRequest(user_id=NOBODY)))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "CONTACT_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "request_", "reason", "fields"),
    [
        ("CreateUser", create_user(request_id=""), "REQUEST_ID_REQUIRED", ["request_id"]),
        ("CreateUser", create_user(request_id="x"), "VALIDATION_FAILED", ["request_id"]),
        ("CreateUser", create_user(username="Ada"), "VALIDATION_FAILED", ["username"]),
        ("CreateUser", create_user(username="ada\n"), "VALIDATION_FAILED", ["username"]),
        ("CreateUser", create_user(display_name="a\0b"), "VALIDATION_FAILED", ["display_name"]),
        (
            "CreateUser",
            create_user(email="nowhere", display_name="", password="short"),
            "VALIDATION_FAILED",
            ["email", "display_name", "password"],
        ),
        ("SignIn", pb.SignInRequest(), "VALIDATION_FAILED", ["username", "password"]),
        ("SignIn", pb.SignInRequest(username="a\0", password="x"), "VALIDATION_FAILED", ["username"]),
    ],
)
async def test_bad_input_is_refused_with_every_field_named(
    stub: Any, method: str, request_: Any, reason: str, fields: list[str]
) -> None:
    told = await refused(getattr(stub, method)(request_))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert told.fields == fields
    assert "short" not in told.message


async def test_an_id_that_is_none_is_refused_by_its_field(stub: Any) -> None:
    metadata = await signed_in(stub, "ada")
    told = await refused(stub.GetUser(pb.GetUserRequest(user_id="1"), metadata=metadata))
    assert (told.code, told.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["user_id"])


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE"),
        (b"\0" * 70_000, grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
    ],
)
async def test_bytes_that_are_no_message_are_refused_without_a_word_of_ours(
    channel: grpc.aio.Channel, body: bytes, code: grpc.StatusCode, reason: str
) -> None:
    call: Any = channel.unary_unary("/ordermesh.users.v1.UsersService/SignIn")
    told = await refused(call(body))
    assert (told.code, told.reason) == (code, reason)
    assert "Error" not in told.message


async def test_several_accounts_are_read_at_once_and_only_ones_own(stub: Any) -> None:
    request = pb.BatchGetUsersRequest(user_ids=[ADA, BOB, NOBODY])
    for username, expected in (("ada", {"ada"}), ("bob", {"bob"}), ("olga", {"ada", "bob"})):
        answer = await stub.BatchGetUsers(request, metadata=await signed_in(stub, username))
        assert {user.username for user in answer.users} == expected
