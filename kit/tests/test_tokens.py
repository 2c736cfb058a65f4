"""What the verifier of users' tokens takes, and what it refuses."""

import base64
import hmac
import json
import time
import uuid

import pytest
from joserfc.jwk import ECKey

from kit.call import Caller
from kit.errors import Problem
from kit.testing.tokens import Issuer
from kit.tokens import TokenVerifier

ADA = uuid.UUID("00000000-0000-4000-8000-0000000000ad")


async def refused(verifier: TokenVerifier, authorization: str | None) -> str:
    with pytest.raises(Problem) as caught:
        await verifier.verify(authorization)
    assert caught.value.kind == "unauthenticated"
    return caught.value.reason


async def test_a_token_names_the_caller() -> None:
    issuer = Issuer()
    token = issuer.token(ADA, "operator")
    assert await issuer.verifier().verify(f"Bearer {token}") == Caller(ADA, "operator")


@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "Bearer"])
async def test_no_token_is_missing(authorization: str | None) -> None:
    assert await refused(Issuer().verifier(), authorization) == "TOKEN_MISSING"


async def test_an_expired_token_is_said_to_be_expired() -> None:
    issuer = Issuer()
    assert await refused(issuer.verifier(), f"Bearer {issuer.token(ADA, seconds=-60)}") == "TOKEN_EXPIRED"


async def test_a_token_of_a_clock_that_is_a_little_ahead_is_taken() -> None:
    issuer = Issuer()
    ahead = time.time() + 3
    token = issuer.token(ADA, now=ahead)
    assert (await issuer.verifier().verify(f"Bearer {token}")).user_id == ADA


async def test_a_token_of_another_issuer_or_none_at_all_is_invalid() -> None:
    verifier = Issuer().verifier()
    for token in (Issuer().token(ADA), "x", "a.b.c", "ä", "." * 5000):
        assert await refused(verifier, f"Bearer {token}") == "TOKEN_INVALID"


@pytest.mark.parametrize("audience", [None, "", "ordermesh-kitchen", ["ordermesh-kitchen"], [], 7])
async def test_a_token_for_nobody_we_know_is_invalid(audience: object) -> None:
    issuer = Issuer()
    assert await refused(issuer.verifier(), f"Bearer {issuer.token(ADA, aud=audience)}") == "TOKEN_INVALID"


async def test_a_verifier_may_take_the_tokens_of_some_clients_only() -> None:
    issuer = Issuer()
    narrow = TokenVerifier(issuer.jwks, ["ordermesh-web"])
    assert await narrow.verify(f"Bearer {issuer.token(ADA, aud='ordermesh-web')}")
    assert await refused(narrow, f"Bearer {issuer.token(ADA, aud='ordermesh-mobile')}") == "TOKEN_INVALID"


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
async def test_a_token_names_no_algorithm_of_its_own_choice(algorithm: str) -> None:
    """The classic confusion: no signature, or an HMAC whose secret is the public key that all know."""
    issuer = Issuer()
    public = json.loads(await issuer.jwks())["keys"][0]
    claims: dict[str, object] = {"iss": "ordermesh", "sub": str(ADA), "role": "operator"}
    claims |= {"aud": "ordermesh-api", "exp": int(time.time()) + 60}
    head = [
        base64url(json.dumps(part).encode()) for part in ({"alg": algorithm, "kid": public["kid"]}, claims)
    ]
    secret = ECKey.import_key(public).as_pem(private=False)
    signature = hmac.digest(secret, ".".join(head).encode(), "sha256") if algorithm == "HS256" else b""
    forged = ".".join([*head, base64url(signature)])
    assert await refused(issuer.verifier(), f"Bearer {forged}") == "TOKEN_INVALID"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
