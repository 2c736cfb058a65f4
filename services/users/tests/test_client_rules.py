"""The rules of clients: what a secret gets, and for whom a program may act."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.users import clients
from services.users.domain import Bearer, Client, Grant, Role, User

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADA = UUID("00000000-0000-4000-8000-0000000000ad")
ACCOUNT = User(ADA, "ada", "ada@example.com", "Ada Lovelace", Role.CUSTOMER, NOON)
SECRET = "a-secret-of-a-test"
CLIENT = clients.KnownClient("c", ACCOUNT, ("orders:read", "orders:write"), clients.hash_of(SECRET))


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [((), ("orders:read", "orders:write")), (("orders:read",), ("orders:read",))],
)
def test_a_client_gets_what_it_asks_for_and_all_that_it_has_if_it_asks_for_nothing(
    asked: Sequence[str], allowed: Sequence[str]
) -> None:
    bearer = clients.granted(CLIENT, SECRET, asked)
    assert bearer == Bearer(ACCOUNT, Client.PARTNER, Grant("c", tuple(allowed)))


def test_a_wrong_secret_and_an_unknown_client_look_the_same() -> None:
    said = set()
    for known, secret in ((CLIENT, "another"), (None, SECRET), (CLIENT, "")):
        with pytest.raises(clients.ClientInvalid) as caught:
            clients.granted(known, secret, ["no:scope"])
        said.add(str(caught.value))
    assert len(said) == 1


def test_a_scope_that_was_not_registered_is_not_granted() -> None:
    with pytest.raises(clients.ScopeNotGranted, match="webhooks:manage"):
        clients.granted(CLIENT, SECRET, ["orders:read", "webhooks:manage"])


@pytest.mark.parametrize("user", [None, replace(ACCOUNT, role=Role.OPERATOR)])
def test_no_program_acts_for_an_operator_or_for_nobody(user: User | None) -> None:
    with pytest.raises(clients.AccountNotFound):
        clients.owner_of_clients(user)
    assert clients.owner_of_clients(ACCOUNT) == ACCOUNT
