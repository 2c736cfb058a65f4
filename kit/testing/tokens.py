"""Tokens of a users service that is not there: a key of the test's own, and the verifier that trusts it."""

import json
import time
import uuid
from collections.abc import Sequence

from joserfc import jwt
from joserfc.jwk import ECKey

from kit.tokens import AUDIENCES, ISSUER, TokenVerifier


class Issuer:
    """Signs tokens as the users service would."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256", {"kid": uuid.uuid4().hex, "alg": "ES256", "use": "sig"})

    async def jwks(self) -> str:
        """The public keys, as GetPublicKeys answers."""
        return json.dumps({"keys": [self._key.as_dict(private=False)]})

    def verifier(self, audiences: Sequence[str] = AUDIENCES) -> TokenVerifier:
        """A verifier that trusts these tokens."""
        return TokenVerifier(self.jwks, audiences)

    def token(
        self,
        user_id: uuid.UUID,
        role: str = "customer",
        seconds: int = 3600,
        now: float | None = None,
        **more: object,
    ) -> str:
        """A token that is valid for so many seconds; a negative number makes an expired one. `more` are
        other claims, or other values of these.
        """
        issued = int(time.time() if now is None else now)
        claims: dict[str, object] = {"iss": ISSUER, "sub": str(user_id), "aud": AUDIENCES[0], "role": role}
        claims |= {"iat": issued, "exp": issued + seconds} | more
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)

    def authorization(self, user_id: uuid.UUID, role: str = "customer") -> tuple[tuple[str, str], ...]:
        """The metadata of a call by this user."""
        return (("authorization", f"Bearer {self.token(user_id, role)}"),)
