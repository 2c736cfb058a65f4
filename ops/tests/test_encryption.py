"""What `make up PAYLOAD_KEYS=…` makes of the keys that a suite has."""

from __future__ import annotations

import base64

import pytest

from kit.payload_keys import read_keys
from ops.encryption import chosen
from ops.errors import SuiteError

ONE, TWO = (f"{name}:{base64.b64encode(name.encode() * 16).decode()}" for name in ("k1", "k2"))


def test_the_first_key_is_generated_and_then_kept() -> None:
    first = chosen("", "generate")
    assert read_keys(first).ids == ("k1",)
    assert chosen(first, "generate") == first
    assert chosen("", "generate") != first


def test_a_rotation_puts_a_new_key_first_and_keeps_the_old_ones() -> None:
    rotated = chosen(ONE, "rotate")
    assert read_keys(rotated).ids == ("k2", "k1")
    assert rotated.endswith(f",{ONE}")
    assert read_keys(chosen(rotated, "rotate")).ids == ("k3", "k2", "k1")


def test_off_stops_encrypting_and_keeps_the_keys_for_reading() -> None:
    off = chosen(ONE, "off")
    assert off == f"off,{ONE}"
    assert chosen(off, "off") == off
    assert chosen(off, "generate") == ONE
    assert read_keys(chosen(off, "rotate")).ids == ("k2", "k1")


def test_off_without_keys_is_nothing() -> None:
    assert chosen("", "off") == ""


def test_keys_of_ones_own_are_taken_as_they_are() -> None:
    assert chosen("", f"{TWO}, {ONE}") == f"{TWO},{ONE}"
    # so a key is retired, when no history needs it any more
    assert chosen(f"{TWO},{ONE}", TWO) == TWO


def test_without_a_key_there_is_nothing_to_rotate() -> None:
    with pytest.raises(SuiteError, match="first PAYLOAD_KEYS=generate"):
        chosen("", "rotate")


def test_a_wish_that_is_none_is_refused_and_not_shown() -> None:
    with pytest.raises(
        SuiteError, match=r"key 1 is not of the form .*generate, rotate, off, or k2:"
    ) as caught:
        chosen("", ONE.partition(":")[2])
    assert ONE.partition(":")[2] not in str(caught.value)


def test_a_known_id_with_another_secret_is_refused() -> None:
    with pytest.raises(SuiteError, match="k1 is another key in this suite"):
        chosen(ONE, f"k1:{TWO.partition(':')[2]}")
