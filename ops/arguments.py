"""What a door's variables may say: each checked at once, a wrong one is one sentence that names it."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Sequence

from ops.errors import SuiteError


def whole(name: str, least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`; it raises SuiteError."""

    def parse(text: str) -> int:
        found = str(text).strip()
        if not (found.isascii() and found.isdigit() and len(found) < 12 and least <= int(found) <= most):
            raise SuiteError(f"{name}={text}: a whole number from {least} to {most}")
        return int(found)

    return parse


def real(name: str, least: float, most: float) -> Callable[[str], float]:
    """A parser of numbers from `least` to `most`; it raises SuiteError."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise SuiteError(f"{name}={text}: a number from {least:g} to {most:g}")
        return number

    return parse


def one_of(name: str, choices: Sequence[str]) -> Callable[[str], str]:
    """A parser of one word out of several; it raises SuiteError."""

    def parse(text: str) -> str:
        if text not in choices:
            raise SuiteError(f"{name}={text}: one of {', '.join(choice for choice in choices if choice)}")
        return text

    return parse


def identity(name: str) -> Callable[[str], str]:
    """A parser of ids, in their usual form; "" stays: it was not given. It raises SuiteError."""

    def parse(text: str) -> str:
        if not text:
            return ""
        try:
            return str(uuid.UUID(text.strip()))
        except ValueError as error:
            raise SuiteError(f"{name}={text}: an id such as 6f8f57d0-5d1c-4e0b-9d57-0c3f2b8b1a11") from error

    return parse


def word(name: str, example: str) -> Callable[[str], str]:
    """A parser of names of our own making: lower-case letters, digits, dots and dashes; "" stays. It raises
    SuiteError.
    """

    def parse(text: str) -> str:
        if text and not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,30}", text):
            raise SuiteError(f"{name}={text}: lower-case letters, digits, dots and dashes, such as {example}")
        return text

    return parse


def pairs(name: str, text: str) -> dict[str, str]:
    """`a:1,b:2` by key. Raises SuiteError."""
    found = [item.partition(":") for item in text.split(",") if item.strip()]
    if not found or not all(key.strip() and colon and value.strip() for key, colon, value in found):
        raise SuiteError(f"{name}={text}: pairs with a colon, with commas between, such as v1:90,v2:10")
    return {key.strip(): value.strip() for key, _, value in found}
