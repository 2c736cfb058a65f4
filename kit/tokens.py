"""Verifies users' tokens (JWT, ES256) against the public keys of the users service.

Keys are kept until they are `KEYS_MAX_AGE` old, so a users service that is down for a while stops nobody.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence

from joserfc import errors as jose
from joserfc import jwt
from joserfc.jwk import KeySet

from kit.call import Caller
from kit.channels import Peer
from kit.errors import Problem
from ordermesh.users.v1 import users_service_pb2, users_service_pb2_grpc

ISSUER = "ordermesh"
AUDIENCES = ("ordermesh-api", "ordermesh-web", "ordermesh-mobile", "ordermesh-partner")
"""One for each kind of client. A service takes them all, for it is called by the backends of each kind too;
the edge and the backends take only their own.
"""
KEYS_MAX_AGE = 300.0
REFETCH_AT_MOST_EVERY = 2.0
MAX_CACHED = 1000

CLOCK_SKEW = 5  # seconds: a token of this moment is not "issued in the future" for a slower clock


def keys_of(users: Peer) -> Callable[[], Awaitable[str]]:
    """Fetch the public keys from the users service."""
    stub = users_service_pb2_grpc.UsersServiceStub(users.channel)

    async def fetch() -> str:
        return (await users.call(stub.GetPublicKeys, users_service_pb2.GetPublicKeysRequest())).jwks

    return fetch


class TokenVerifier:
    """Turns a token into a caller, or says why not."""

    def __init__(
        self, fetch_jwks: Callable[[], Awaitable[str]], audiences: Sequence[str] = AUDIENCES
    ) -> None:
        self._fetch = fetch_jwks
        self._claims = jwt.JWTClaimsRegistry(
            leeway=CLOCK_SKEW,
            iss={"essential": True, "value": ISSUER},
            sub={"essential": True},
            exp={"essential": True},
            aud={"essential": True, "values": list(audiences)},
        )
        self._keys: KeySet | None = None
        self._fetched = 0.0
        self._lock = asyncio.Lock()
        self._verified: dict[str, tuple[Caller, float]] = {}

    async def verify(self, authorization: str | None) -> Caller:
        """The caller named by an `authorization` header; raises UNAUTHENTICATED with the reason."""
        if not authorization or not authorization.lower().startswith("bearer "):
            raise Problem(
                "unauthenticated", "TOKEN_MISSING", "call with metadata `authorization: Bearer <token>`"
            )
        token = authorization[7:].strip()
        known = self._verified.get(token)
        if known and known[1] > time.time():
            return known[0]
        caller, expires = self._decode(token, await self._current_keys())
        if caller is None:  # signed with a key that we have not seen: the keys may have been rotated
            caller, expires = self._decode(token, await self._current_keys(refetch=True))
        if caller is None:
            raise Problem(
                "unauthenticated", "TOKEN_INVALID", "the token is not signed by a key of this suite"
            )
        if len(self._verified) >= MAX_CACHED:
            self._verified.clear()
        self._verified[token] = (caller, expires)
        return caller

    def _decode(self, token: str, keys: KeySet) -> tuple[Caller | None, float]:
        """None as the caller means an unknown key."""
        try:
            claims = jwt.decode(token, keys, algorithms=["ES256"]).claims
            self._claims.validate(claims)
            caller = Caller(
                user_id=uuid.UUID(claims["sub"]),
                role=str(claims.get("role", "")),
                client_id=str(claims.get("client_id", "")),
                scopes=frozenset(str(claims.get("scope", "")).split()),
            )
            return caller, float(claims["exp"])
        except jose.ExpiredTokenError as error:
            raise Problem(
                "unauthenticated", "TOKEN_EXPIRED", "the token has expired; sign in again"
            ) from error
        except (jose.InvalidKeyIdError, jose.MissingKeyError):
            return None, 0.0
        except (jose.JoseError, ValueError, KeyError, TypeError) as error:
            raise Problem(
                "unauthenticated", "TOKEN_INVALID", "the token is not valid; sign in again"
            ) from error

    async def _current_keys(self, *, refetch: bool = False) -> KeySet:
        async with self._lock:
            age = time.monotonic() - self._fetched
            if self._keys is None or age > KEYS_MAX_AGE or (refetch and age > REFETCH_AT_MOST_EVERY):
                self._keys = KeySet.import_key_set(json.loads(await self._fetch()))
                self._fetched = time.monotonic()
            return self._keys
