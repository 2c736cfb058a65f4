"""The keys that encrypt what Temporal keeps of a workflow, as the environment gives them; never shown.

`<PREFIX>_PAYLOAD_KEYS=k2:<base64 of 32 bytes>,k1:<…>`: the first key encrypts, all of them decrypt, so a
new key is put first and the old ones stay until no history needs them. `off` in the first place stops
encrypting and still decrypts. Imports neither Temporal nor ciphers, for settings are read by everything.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, SecretStr

SECRET_BYTES = 32  # AES-256
OFF = "off"
# shorter than a secret in base64 or hexadecimal digits: an id is shown, and must not be one by mistake
ID = re.compile(r"[A-Za-z0-9._-]{1,32}")


@dataclass(frozen=True)
class PayloadKey:
    """One key; its id stands beside everything that it encrypts."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class PayloadKeys:
    """All keys, the current one first; none means that nothing is encrypted."""

    keys: tuple[PayloadKey, ...] = ()
    off: bool = False  # whether they only decrypt

    @property
    def current(self) -> PayloadKey | None:
        """The key to encrypt with, if any."""
        return self.keys[0] if self.keys and not self.off else None

    @property
    def ids(self) -> tuple[str, ...]:
        """What may be shown of them."""
        return tuple(key.id for key in self.keys)


def read_keys(setting: SecretStr | str) -> PayloadKeys:
    """The keys of a setting; ValueError names every fault, and no secret."""
    text = setting.get_secret_value() if isinstance(setting, SecretStr) else setting
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    off = bool(words) and words[0] == OFF
    keys, faults = [], []
    for number, word in enumerate(words[1:] if off else words, start=1):
        try:
            keys.append(_key(word))
        except ValueError as error:
            faults.append(f"key {number} {error}")
    faults += _shared([key.id for key in keys], "the id {} stands twice")
    if not faults and len({key.secret for key in keys}) < len(keys):
        faults.append("two ids have the same secret")
    if faults:
        raise ValueError("; ".join(faults))
    return PayloadKeys(tuple(keys), off)


def write_keys(keys: PayloadKeys) -> str:
    """The text that `read_keys` reads; it holds the secrets."""
    words = [f"{key.id}:{base64.b64encode(key.secret).decode()}" for key in keys.keys]
    return ",".join([OFF, *words] if keys.off else words)


def _key(word: str) -> PayloadKey:
    name, colon, secret = word.partition(":")
    if not colon:
        raise ValueError("is not of the form id:base64")
    if not ID.fullmatch(name):
        raise ValueError("has no id of at most 32 letters, digits, dots, dashes and underscores")
    if name == OFF:
        raise ValueError(f"has the id {OFF!r}, which has another meaning")
    try:
        decoded = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"({name}) is not base64") from None
    if len(decoded) != SECRET_BYTES:
        raise ValueError(f"({name}) has {len(decoded)} bytes instead of {SECRET_BYTES}")
    return PayloadKey(name, decoded)


def _shared(values: list[str], saying: str) -> list[str]:
    return [saying.format(value) for value in sorted(set(values)) if values.count(value) > 1]


def _checked(setting: SecretStr) -> SecretStr:
    read_keys(setting)
    return setting


PayloadKeysSetting = Annotated[SecretStr, AfterValidator(_checked)]
"""The type of a setting `payload_keys`; its default is `SecretStr("")`, which encrypts nothing."""
