"""Passwords: what matches, what is stored, and that nobody else waits for them."""

import asyncio
import time

import pytest

from services.users.passwords import Argon2Passwords


async def test_only_the_right_password_matches() -> None:
    passwords = Argon2Passwords()
    stored = await passwords.hash("correct horse")
    assert await passwords.matches("correct horse", stored)
    assert not await passwords.matches("correct horse ", stored)
    assert "correct" not in stored
    assert stored != await passwords.hash("correct horse")


@pytest.mark.parametrize("password", ["", "x", "ä\0ö", "p" * 200])
async def test_nothing_matches_an_unknown_name(password: str) -> None:
    assert not await Argon2Passwords().matches(password, None)


async def test_an_unknown_name_costs_a_verification_like_a_known_one() -> None:
    passwords = Argon2Passwords()
    stored = await passwords.hash("correct horse")

    async def cost(password_hash: str | None) -> float:
        begin = time.process_time()
        for _ in range(10):
            await passwords.matches("wrong", password_hash)
        return time.process_time() - begin

    known, unknown = await cost(stored), await cost(None)
    assert 0.5 < unknown / known < 2


async def test_the_event_loop_goes_on_while_passwords_are_checked() -> None:
    passwords = Argon2Passwords()
    checks = asyncio.gather(*(passwords.matches("wrong", None) for _ in range(10)))
    turns = 0
    while not checks.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100
