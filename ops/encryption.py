"""Which keys encrypt what Temporal keeps of a suite's workflows: what `make up PAYLOAD_KEYS=…` asks for.

Pure; `ops.state` keeps the answer. A key that was used stays for reading until it is left out of an
explicit list, or `make reset` forgets it with the workflows.
"""

from __future__ import annotations

import secrets
from itertools import count

from kit.payload_keys import OFF, SECRET_BYTES, PayloadKey, PayloadKeys, read_keys, write_keys
from ops.errors import SuiteError

GENERATE, ROTATE = "generate", "rotate"


def chosen(known: str, asked: str) -> str:
    """The keys from now on, in the form of a setting; SuiteError says what is wrong with the wish."""
    old = read_keys(known)
    if asked == OFF:
        return write_keys(PayloadKeys(old.keys, off=True)) if old.keys else ""
    if asked == GENERATE:
        return write_keys(PayloadKeys(old.keys or (_new_key(old),)))
    if asked == ROTATE:
        if not old.keys:
            raise SuiteError(f"PAYLOAD_KEYS={ROTATE}: there is no key yet; first PAYLOAD_KEYS={GENERATE}")
        return write_keys(PayloadKeys((_new_key(old), *old.keys)))
    return write_keys(_given(asked, old))


def _new_key(old: PayloadKeys) -> PayloadKey:
    free = next(name for number in count(1) if (name := f"k{number}") not in old.ids)
    return PayloadKey(free, secrets.token_bytes(SECRET_BYTES))


def _given(text: str, old: PayloadKeys) -> PayloadKeys:
    try:
        new = read_keys(text)
    except ValueError as error:
        raise SuiteError(
            f"PAYLOAD_KEYS: {error}; it is {GENERATE}, {ROTATE}, {OFF}, or k2:<base64 of 32 bytes>,k1:<…>"
        ) from None
    known = {key.id: key for key in old.keys}
    other = [key.id for key in new.keys if key.id in known and known[key.id] != key]
    if other:
        raise SuiteError(f"PAYLOAD_KEYS: {', '.join(other)} is another key in this suite; give it a new id")
    return new
