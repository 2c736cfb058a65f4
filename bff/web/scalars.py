"""Values that are more than text or a number. What a variable cannot be is said before anything is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

Sku = NewType("Sku", str)
PaymentToken = NewType("PaymentToken", str)
Quantity = NewType("Quantity", int)
PageSize = NewType("PageSize", int)
Version = NewType("Version", int)

MAX_PAGE = 100
_LARGEST = 2**53 - 1  # the largest whole number that JSON's readers agree on


def _text(pattern: str, said: str) -> Callable[[Any], str]:
    compiled = re.compile(pattern)

    def parse(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError(said)
        return value

    return parse


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    return parse


def _scalar(name: str, description: str, parse: Callable[[Any], Any]) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=lambda v: v, parse_value=parse)


SCALARS: Mapping[object, ScalarDefinition] = {
    Sku: _scalar(
        "Sku",
        "Stock keeping unit: names a product, such as `MUG-BLUE`.",
        _text(r"[A-Z0-9][A-Z0-9-]{1,39}", "must be a sku, such as MUG-BLUE"),
    ),
    PaymentToken: _scalar(
        "PaymentToken",
        "An opaque reference to a means of payment, such as `tok_approved`.",
        _text(r"tok_[a-z0-9_]{1,60}", "must be a payment token, such as tok_approved"),
    ),
    Quantity: _scalar("Quantity", "How many pieces, 1 to 1000.", _whole(1, 1000)),
    PageSize: _scalar("PageSize", "How many on a page, 1 to 100.", _whole(1, MAX_PAGE)),
    Version: _scalar("Version", "Counts the states of an order, from 1.", _whole(0, _LARGEST)),
}
