"""Keys and tokens: what is published, what is stored, and that a verifier of the suite takes the tokens."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kit.call import Caller
from kit.errors import Problem
from kit.tokens import TokenVerifier
from services.users.domain import Bearer, Client, Grant, Role, SigningKey, User, Window
from services.users.signing import KeyUnreadable, Signer

NOW = datetime.now(UTC)
WINDOW = Window(NOW, NOW + timedelta(days=1))
USER = User(uuid.uuid4(), "olga", "olga@example.com", "Olga Okafor", Role.OPERATOR, NOW)
OLGA = Bearer(USER, Client.API)


def verifier(signer: Signer, *keys: SigningKey) -> TokenVerifier:
    async def fetch() -> str:
        return signer.jwks(keys)

    return TokenVerifier(fetch)


@pytest.mark.parametrize("passphrase", [None, "", "a long passphrase"])
async def test_a_token_is_taken_by_whoever_has_the_published_keys(passphrase: str | None) -> None:
    signer = Signer(passphrase)
    old, new = signer.new_key(WINDOW), signer.new_key(WINDOW)
    for key in (old, new, old):
        token = signer.token(OLGA, key, NOW, NOW + timedelta(hours=1))
        caller = await verifier(signer, old, new).verify(f"Bearer {token}")
        assert caller == Caller(USER.user_id, "operator")


async def test_a_token_says_which_client_it_is_for() -> None:
    signer = Signer(None)
    key = signer.new_key(WINDOW)

    async def fetch() -> str:
        return signer.jwks([key])

    for client in Client:
        token = f"Bearer {signer.token(Bearer(USER, client), key, NOW, NOW + timedelta(hours=1))}"
        assert await TokenVerifier(fetch, [client]).verify(token)
        for other in set(Client) - {client}:
            with pytest.raises(Problem, match="not valid"):
                await TokenVerifier(fetch, [other]).verify(token)


async def test_a_token_of_a_program_says_which_one_it_is_and_what_it_may() -> None:
    signer = Signer(None)
    key = signer.new_key(WINDOW)
    bearer = Bearer(USER, Client.PARTNER, Grant("a-client", ("orders:read", "orders:write")))
    caller = await verifier(signer, key).verify(
        f"Bearer {signer.token(bearer, key, NOW, NOW + timedelta(hours=1))}"
    )
    assert (caller.client_id, caller.scopes) == ("a-client", frozenset({"orders:read", "orders:write"}))


def test_only_public_halves_are_published() -> None:
    signer = Signer(None)
    keys = [signer.new_key(WINDOW), signer.new_key(WINDOW)]
    published = json.loads(signer.jwks(keys))["keys"]
    assert [key["kid"] for key in published] == [key.kid for key in keys]
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in published)


def test_with_a_passphrase_the_stored_key_is_of_no_use_without_it() -> None:
    key = Signer("a long passphrase").new_key(WINDOW)
    for stranger in (Signer(None), Signer("another passphrase")):
        with pytest.raises(KeyUnreadable):
            stranger.token(OLGA, key, NOW, NOW)


def test_a_key_from_before_the_passphrase_goes_on_signing() -> None:
    key = Signer(None).new_key(WINDOW)
    assert Signer("a long passphrase").token(OLGA, key, NOW, NOW)


def test_a_broken_key_is_said_to_be_unreadable() -> None:
    signer = Signer(None)
    with pytest.raises(KeyUnreadable):
        signer.token(OLGA, replace(signer.new_key(WINDOW), private_pem="nonsense"), NOW, NOW)


def test_a_private_key_is_not_shown_when_a_key_is_printed() -> None:
    assert "PRIVATE" not in repr(Signer(None).new_key(WINDOW))
