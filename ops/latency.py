"""How long calls took, in words: the middle, and what one in a hundred exceeds."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(times: Sequence[float], share: float) -> float:
    """The time below which this share of them lies, by rank; there is at least one, in any order."""
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def summary(times: Sequence[float]) -> str:
    """`p50 12.3 ms, p99 45.6 ms` of times in seconds."""
    return f"p50 {quantile(times, 0.5) * 1e3:.1f} ms, p99 {quantile(times, 0.99) * 1e3:.1f} ms"


def share(first: Sequence[float], whole: Sequence[float]) -> float:
    """The middle of the first times as a part of the middle of the whole ones."""
    return quantile(first, 0.5) / quantile(whole, 0.5)
