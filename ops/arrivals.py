"""When orders arrive in an open-loop load, and what they are paid with; decided before any answer."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ops.errors import SuiteError

_CARD = re.compile(r"[a-z0-9_]{1,60}")


@dataclass(frozen=True)
class Arrival:
    """One order: seconds from the beginning of the run, and the suffix of its test token."""

    due: float
    card: str


def poisson(rate: float, seconds: float, cards: Sequence[str], chance: random.Random) -> list[Arrival]:
    """Independent customers: `rate` a second on average, exponential gaps, each with one of the cards."""
    arrivals = []
    due = chance.expovariate(rate)
    while due < seconds:
        arrivals.append(Arrival(due, chance.choice(cards)))
        due += chance.expovariate(rate)
    return arrivals


def card_mix(text: str) -> tuple[str, ...]:
    """`approved,approved,declined`: every third card is declined. Raises SuiteError."""
    cards = tuple(card.strip() for card in text.split(","))
    if wrong := [card for card in cards if not _CARD.fullmatch(card)]:
        raise SuiteError(f"CARDS={text}: {wrong[0]!r} is no card, such as approved,declined")
    return cards
