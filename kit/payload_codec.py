"""Encrypts payloads on their way to Temporal and decrypts them on their way back: AES-256-GCM.

An encrypted payload holds the whole of the plain one: `data` is a nonce of 12 bytes, the ciphertext
and its tag of 16; the metadata tells `encoding` and the id of the key. It is the format of Temporal's
own samples, so a worker in another language reads it.
"""

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from kit.payload_keys import ID, PayloadKeys

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
NONCE_BYTES = 12


class UnreadablePayload(Exception):
    """A payload that cannot be decrypted; says which key it names, never what it holds."""


class EncryptingCodec(PayloadCodec):
    """Encrypts with the current key, decrypts with every key, leaves plain payloads as they are."""

    def __init__(self, keys: PayloadKeys) -> None:
        self._current = keys.current
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys.keys}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload encrypted, unless the keys only decrypt."""
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload decrypted; raises UnreadablePayload."""
        return [self._decrypt(payload) for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        if self._current is None:
            return payload
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._current.id].encrypt(nonce, payload.SerializeToString(), None)
        metadata = {"encoding": ENCODING, KEY_ID: self._current.id.encode()}
        return Payload(metadata=metadata, data=nonce + sealed)

    def _decrypt(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        name = _shown(payload.metadata.get(KEY_ID, b""))
        cipher = self._ciphers.get(name)
        if cipher is None:
            known = ", ".join(self._ciphers) or "none"
            raise UnreadablePayload(f"a payload is encrypted with the key {name}; the keys here are: {known}")
        try:
            plain = cipher.decrypt(payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], None)
            return Payload.FromString(plain)
        except (InvalidTag, ValueError, DecodeError):
            raise UnreadablePayload(
                f"a payload encrypted with the key {name} is damaged, or {name} was another key then"
            ) from None


def _shown(name: bytes) -> str:
    """A key id from outside; anything that cannot be one is not repeated."""
    text = name.decode("ascii", errors="replace")
    return text if ID.fullmatch(text) else "(no valid id)"
