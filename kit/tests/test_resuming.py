"""A stream of numbered items goes on behind the last one seen, whoever breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import resuming
from kit.channels import Refused, Unanswered
from kit.resuming import resumed


class Source:
    """Five items. Each opening tells so many, perhaps some of before again, and then breaks off."""

    def __init__(self, tells: list[int], again: int = 0) -> None:
        self._tells = tells
        self._again = again
        self.opened: list[int] = []

    async def open(self, after: int) -> AsyncGenerator[int, None]:
        """From behind a number on."""
        self.opened.append(after)
        left = self._tells[len(self.opened) - 1] if len(self.opened) <= len(self._tells) else 99
        for number in range(max(after + 1 - self._again, 1), 6):
            if not left:
                raise Unanswered("orders", "UNAVAILABLE", sent=True)
            left -= 1
            yield number


@settings(max_examples=30)
@given(st.lists(st.integers(1, 3), max_size=3), st.integers(0, 2), st.integers(0, 5))
async def test_every_item_is_told_once_and_in_order(tells: list[int], again: int, after: int) -> None:
    source = Source(tells, again)
    assert [item async for item in resumed(source.open, int, after)] == list(range(after + 1, 6))
    assert source.opened == sorted(source.opened)


async def test_who_does_not_answer_for_long_is_given_up() -> None:
    source = Source([0] * 10)
    with pytest.raises(Unanswered):
        _ = [item async for item in resumed(source.open, int, patience=0.2)]
    assert 1 < len(source.opened) < 10


async def test_a_stream_that_was_open_with_nothing_to_tell_is_opened_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resuming, "LONGEST_PAUSE", 0.05)
    opened: list[int] = []

    async def idle(after: int) -> AsyncGenerator[int, None]:
        opened.append(after)
        if len(opened) == 1:
            await asyncio.sleep(0.3)  # longer than the patience below
            raise Unanswered("orders", "UNAVAILABLE", sent=True)
        yield after + 1

    assert [item async for item in resumed(idle, int, patience=0.2)] == [1]


async def test_a_refusal_ends_it_at_once() -> None:
    async def refuse(after: int) -> AsyncGenerator[int, None]:
        raise Refused("denied", "ACCESS_DENIED", "not yours")
        yield after

    with pytest.raises(Refused):
        _ = [item async for item in resumed(refuse, int)]
