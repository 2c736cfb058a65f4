"""Identities: new ones, and the keys of saga steps, which are derived and never random."""

import json
import uuid


def new_id() -> uuid.UUID:
    """A new identity."""
    return uuid.uuid4()


def derived_id(*parts: str) -> uuid.UUID:
    """The identity of what these parts name together, such as a client, a method and a key; the same for
    whoever asks.
    """
    return uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(["ordermesh", *parts]))


def step_key(order_id: uuid.UUID, step: str) -> uuid.UUID:
    """The key of one step of one saga, the same for whoever asks: see `docs/wire.md`."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"ordermesh:{order_id}:{step}")
