"""Tokens and the keys that sign them: JWT, ES256, one key pair a window."""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from kit.tokens import ISSUER
from services.users.domain import Bearer, SigningKey, Window

ALGORITHM = "ES256"


class KeyUnreadable(Exception):
    """A private key in the database cannot be opened with the passphrase that we have."""


class Signer:
    """Makes keys and signs with them; with a passphrase, private keys are stored encrypted."""

    def __init__(self, passphrase: str | None) -> None:
        self._passphrase = passphrase.encode() if passphrase else None
        self._opened: tuple[str, ECKey] | None = None

    def new_key(self, window: Window) -> SigningKey:
        """A new key pair for this window."""
        private = ec.generate_private_key(ec.SECP256R1())
        kid = uuid.uuid4().hex
        public = ECKey.import_key(private.public_key(), {"kid": kid, "alg": ALGORITHM, "use": "sig"})
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, self._encryption()
        )
        return SigningKey(kid, window, json.dumps(public.as_dict(private=False)), pem.decode())

    def token(self, bearer: Bearer, key: SigningKey, now: datetime, expire_time: datetime) -> str:
        """A token for this account and client, signed with this key."""
        claims: dict[str, str | int] = {
            "iss": ISSUER,
            "sub": str(bearer.user.user_id),
            "aud": str(bearer.client),
            "role": str(bearer.user.role),
            "iat": int(now.timestamp()),
            "exp": int(expire_time.timestamp()),
        }
        if bearer.grant is not None:  # RFC 9068
            claims |= {"client_id": bearer.grant.client_id, "scope": " ".join(bearer.grant.scopes)}
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, self._open(key))

    def jwks(self, keys: Sequence[SigningKey]) -> str:
        """The public halves of these keys as a JSON Web Key Set."""
        return json.dumps({"keys": [json.loads(key.public_jwk) for key in keys]})

    def _encryption(self) -> serialization.KeySerializationEncryption:
        if self._passphrase is None:
            return serialization.NoEncryption()
        return serialization.BestAvailableEncryption(self._passphrase)

    def _open(self, key: SigningKey) -> ECKey:
        """The private key, opened once: deriving the key from a passphrase is slow on purpose."""
        if self._opened is None or self._opened[0] != key.kid:
            # A key that was stored before a passphrase was set is not encrypted.
            encrypted = "BEGIN ENCRYPTED" in key.private_pem
            try:
                private = serialization.load_pem_private_key(
                    key.private_pem.encode(), self._passphrase if encrypted else None
                )
            except (ValueError, TypeError) as error:
                raise KeyUnreadable(
                    f"key {key.kid}: is USERS_KEY_SECRET the one it was made with?"
                ) from error
            if not isinstance(private, ec.EllipticCurvePrivateKey):
                raise KeyUnreadable(f"key {key.kid} is not of an elliptic curve")
            self._opened = (key.kid, ECKey.import_key(private))
        return self._opened[1]
