"""Tokens that no honest client has: expired ones, and ones of a key that the suite does not know."""

import asyncio
import time
import uuid

import asyncpg
from joserfc import jwt
from joserfc.jwk import ECKey

from kit.testing.tokens import Issuer
from ops.suite import Suite

ALGORITHM = "ES256"


def foreign_token() -> str:
    """An operator's token, properly signed by a key that is not the suite's."""
    return Issuer().token(uuid.uuid4(), "operator")


def expired_token(suite: Suite) -> str:
    """An operator's token of the suite's own key, expired a minute ago."""
    kid, pem = asyncio.run(_signing_key(suite))
    now = int(time.time())
    claims = {
        "iss": "ordermesh",
        "sub": str(uuid.uuid4()),
        "aud": "ordermesh-api",
        "role": "operator",
        "iat": now - 120,
        "exp": now - 60,
    }
    key = ECKey.import_key(pem, {"kid": kid, "alg": ALGORITHM})
    return jwt.encode({"alg": ALGORITHM, "kid": kid}, claims, key)


async def _signing_key(suite: Suite) -> tuple[str, str]:
    connection = await asyncpg.connect(suite.database_url("users"))
    try:
        keys = await connection.fetch("select kid, private_pem from signing_keys order by sign_from")
    finally:
        await connection.close()
    return keys[0]["kid"], keys[0]["private_pem"]
