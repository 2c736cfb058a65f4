"""How far chance may go: a right product is outside of these bounds less than once in a million runs."""

from __future__ import annotations

import math

NEVER = 1e-6


def bounds(calls: int, share: float) -> range:
    """How many of these calls may be so, if each is with this chance; the binomial distribution, exactly."""
    chances = [_chance(calls, share, count) for count in range(calls + 1)]
    low, below = 0, chances[0]
    while below <= NEVER / 2:
        low += 1
        below += chances[low]
    high, above = calls, chances[calls]
    while above <= NEVER / 2:
        high -= 1
        above += chances[high]
    return range(low, high + 1)


def _chance(calls: int, share: float, count: int) -> float:
    ways = math.lgamma(calls + 1) - math.lgamma(count + 1) - math.lgamma(calls - count + 1)
    return math.exp(ways + count * math.log(share) + (calls - count) * math.log1p(-share))
