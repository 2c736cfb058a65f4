"""What every implementation of ordermesh.users.v1 does: accounts, sign-in, keys, contacts."""

import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from ops.client import DEMO_PASSWORD, Metadata, bearer
from ordermesh.users.v1 import users_pb2, users_service_pb2_grpc
from ordermesh.users.v1 import users_service_pb2 as pb
from tests.harness.refusals import refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
PASSWORD = "a-password-of-a-test"
PRIVATE = {"d", "p", "q", "k"}


class Users:
    """The service as anybody calls it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub = users_service_pb2_grpc.UsersServiceStub(channel)
        self.contacts = users_service_pb2_grpc.ContactsServiceStub(channel)

    def create(self, username: str, request_id: str = "", **changed: str) -> users_pb2.User:
        fields = {
            "email": f"{username}@example.com",
            "display_name": "A Test",
            "password": PASSWORD,
        } | changed
        request = pb.CreateUserRequest(
            request_id=request_id or str(uuid.uuid4()), username=username, **fields
        )
        return self.stub.CreateUser(request, timeout=SECONDS).user

    def sign_in(self, username: str, password: str = PASSWORD) -> pb.SignInResponse:
        return self.stub.SignIn(pb.SignInRequest(username=username, password=password), timeout=SECONDS)

    def get(self, user_id: str, caller: Metadata | None) -> users_pb2.User:
        return self.stub.GetUser(pb.GetUserRequest(user_id=user_id), metadata=caller, timeout=SECONDS).user

    def keys(self) -> Any:
        return json.loads(self.stub.GetPublicKeys(pb.GetPublicKeysRequest(), timeout=SECONDS).jwks)

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says, verified with the published keys."""
        return dict(jwt.decode(token, KeySet.import_key_set(self.keys()), algorithms=["ES256"]).claims)


@pytest.fixture(scope="module")
def users(channel_to: Callable[[str], grpc.Channel]) -> Users:
    return Users(channel_to("users"))


@pytest.fixture
def username() -> str:
    return f"t{uuid.uuid4().hex[:20]}"


def test_a_new_account_is_a_customers(users: Users, username: str) -> None:
    user = users.create(username)
    assert (user.username, user.email) == (username, f"{username}@example.com")
    assert (user.display_name, user.role) == ("A Test", users_pb2.ROLE_CUSTOMER)
    assert user.create_time.seconds > 0
    assert str(uuid.UUID(user.user_id)) == user.user_id


def test_a_repeated_request_creates_one_account(users: Users, username: str) -> None:
    request_id = str(uuid.uuid4())
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: users.create(username, request_id), range(4)))
    assert {user.user_id for user in made} == {made[0].user_id}


def test_a_request_id_with_another_content_is_refused(users: Users, username: str) -> None:
    request_id = str(uuid.uuid4())
    users.create(username, request_id)
    said = refused(lambda: users.create(username, request_id, display_name="Another"))
    assert said.short == ("INVALID_ARGUMENT", "REQUEST_ID_MISMATCH")


def test_a_name_is_taken_once(users: Users, username: str) -> None:
    users.create(username)
    assert refused(lambda: users.create(username)).short == ("FAILED_PRECONDITION", "USERNAME_TAKEN")


def test_a_token_says_who_it_is_for_until_when(users: Users, username: str) -> None:
    user, signed_in = users.create(username), users.sign_in(username)
    claims = users.claims(signed_in.token)
    assert (claims["sub"], claims["role"], claims["iss"]) == (user.user_id, "customer", "ordermesh")
    assert claims["exp"] == signed_in.expire_time.seconds > time.time()
    assert users.get(user.user_id, bearer(signed_in.token)) == user


def test_a_wrong_password_and_an_unknown_name_look_the_same(users: Users, username: str) -> None:
    users.create(username)
    wrong = refused(lambda: users.sign_in(username, "another-password"))
    unknown = refused(lambda: users.sign_in(f"{username}x"))
    assert wrong.short == ("UNAUTHENTICATED", "CREDENTIALS_INVALID")
    assert wrong == unknown


def test_the_published_keys_are_public_and_for_signatures(users: Users) -> None:
    keys = users.keys()["keys"]
    assert keys
    for key in keys:
        assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
        assert key["kid"]
        assert not PRIVATE & set(key)


def test_the_demo_users_sign_in_with_their_roles(users: Users) -> None:
    roles = {name: users.claims(users.sign_in(name, DEMO_PASSWORD).token)["role"] for name in ("ada", "olga")}
    assert roles == {"ada": "customer", "olga": "operator"}


def test_a_foreign_and_an_unknown_account_look_the_same(users: Users, username: str) -> None:
    other = users.create(f"{username}x")
    users.create(username)
    caller = bearer(users.sign_in(username).token)
    foreign = refused(lambda: users.get(other.user_id, caller))
    unknown = refused(lambda: users.get(str(uuid.uuid4()), caller))
    assert foreign.short == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert foreign == unknown


def test_an_operator_reads_every_account(users: Users, username: str, olga: Metadata) -> None:
    user = users.create(username)
    assert users.get(user.user_id, olga) == user


def test_an_account_wants_a_token(users: Users) -> None:
    said = refused(lambda: users.get(str(uuid.uuid4()), None))
    assert said.short == ("UNAUTHENTICATED", "TOKEN_MISSING")


def test_other_services_get_the_contact_of_an_account(users: Users, username: str) -> None:
    user = users.create(username)
    contact = users.contacts.GetContact(pb.GetContactRequest(user_id=user.user_id), timeout=SECONDS)
    assert (contact.email, contact.display_name) == (user.email, "A Test")


def test_the_contact_of_an_unknown_account_is_not_found(users: Users) -> None:
    request = pb.GetContactRequest(user_id=str(uuid.uuid4()))
    said = refused(lambda: users.contacts.GetContact(request, timeout=SECONDS))
    assert said.short == ("NOT_FOUND", "CONTACT_NOT_FOUND")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "Ada"),
        ("username", "a"),
        ("username", "1ada"),
        ("email", "not an address"),
        ("display_name", ""),
        ("password", "short"),
        ("password", "x" * 201),
    ],
)
def test_a_field_that_breaks_its_rule_is_named(users: Users, username: str, field: str, value: str) -> None:
    fields = {"username": username, field: value}
    said = refused(lambda: users.create(fields.pop("username"), **fields))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "VALIDATION_FAILED", (field,))
    assert PASSWORD not in said.message


def test_several_accounts_are_read_at_once_by_operators_only(
    users: Users, username: str, olga: Metadata
) -> None:
    mine, other = users.create(username), users.create(f"{username}x")
    request = pb.BatchGetUsersRequest(user_ids=[mine.user_id, other.user_id, str(uuid.uuid4())])
    own = users.stub.BatchGetUsers(request, metadata=bearer(users.sign_in(username).token), timeout=SECONDS)
    assert list(own.users) == [mine]
    found = users.stub.BatchGetUsers(request, metadata=olga, timeout=SECONDS).users
    assert {user.user_id for user in found} == {mine.user_id, other.user_id}
