"""The translation between accounts and their protos, and what it leaves out."""

import uuid
from datetime import UTC, datetime

import pytest

from kit.call import Caller
from ordermesh.users.v1 import users_pb2
from ordermesh.users.v1 import users_service_pb2 as pb
from services.users import messages
from services.users.domain import Contact, Reader, Role, Token, User

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
ADA = uuid.UUID("00000000-0000-4000-8000-0000000000ad")
PASSWORD = "correct horse battery"


def create_user(password: str = PASSWORD, email: str = "ada@example.com") -> pb.CreateUserRequest:
    return pb.CreateUserRequest(
        request_id="00000000-0000-4000-8000-000000000001",
        username="ada",
        email=email,
        display_name="Ada Lovelace",
        password=password,
    )


@pytest.mark.parametrize(
    ("role", "wire"),
    [(Role.CUSTOMER, users_pb2.ROLE_CUSTOMER), (Role.OPERATOR, users_pb2.ROLE_OPERATOR)],
)
def test_an_account_on_the_wire_has_everything_but_the_password(
    role: Role, wire: users_pb2.Role.ValueType
) -> None:
    message = messages.from_user(User(ADA, "ada", "ada@example.com", "Ada Lovelace", role, NOON))
    assert (message.user_id, message.username, message.role) == (str(ADA), "ada", wire)
    assert (message.email, message.display_name) == ("ada@example.com", "Ada Lovelace")
    assert message.create_time.ToDatetime(UTC) == NOON


def test_a_new_account_arrives_whole() -> None:
    command = messages.to_create_user(create_user(), ADA)
    assert (command.customer.user_id, command.customer.username) == (ADA, "ada")
    assert (command.customer.email, command.customer.display_name) == ("ada@example.com", "Ada Lovelace")
    assert command.password == PASSWORD


def test_the_fingerprint_of_a_new_account_says_nothing_about_its_password() -> None:
    one, other = (messages.to_create_user(create_user(password), ADA) for password in (PASSWORD, "x" * 10))
    assert one.key == other.key


def test_the_fingerprint_of_a_new_account_holds_everything_else() -> None:
    one = messages.to_create_user(create_user(), ADA)
    assert one.key != messages.to_create_user(create_user(email="eve@example.com"), ADA).key


def test_a_password_or_token_is_not_shown_when_a_command_is_printed() -> None:
    assert PASSWORD not in repr(messages.to_create_user(create_user(), ADA))
    assert PASSWORD not in repr(messages.to_sign_in(pb.SignInRequest(username="ada", password=PASSWORD)))
    client = messages.to_create_client(
        pb.CreateClientRequest(request_id=str(ADA), user_id=str(ADA)), ADA, ADA, PASSWORD
    )
    assert PASSWORD not in repr(client)
    asked = messages.to_issue_client_token(pb.IssueClientTokenRequest(client_id="a", secret=PASSWORD))
    assert PASSWORD not in repr(asked)
    assert "header.claims" not in repr(Token("header.claims.signature", NOON))


def test_a_caller_becomes_a_reader() -> None:
    assert messages.to_reader(Caller(ADA, "customer")) == Reader(ADA, is_operator=False)
    assert messages.to_reader(Caller(ADA, "operator")) == Reader(ADA, is_operator=True)


def test_a_token_and_a_contact_go_out_as_they_are() -> None:
    token = messages.from_token(Token("a.b.c", NOON))
    assert (token.token, token.expire_time.ToDatetime(UTC)) == ("a.b.c", NOON)
    contact = messages.from_contact(Contact("ada@example.com", "Ada Lovelace"))
    assert (contact.email, contact.display_name) == ("ada@example.com", "Ada Lovelace")
