"""The rules of accounts, and of keys over days of time: nobody is surprised, no token dies early."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import access_denied
from services.users import domain
from services.users.domain import AccessDenied, KeyRules, Reader, Role, SigningKey, User, Window

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADA = UUID("00000000-0000-4000-8000-0000000000ad")
BOB = UUID("00000000-0000-4000-8000-000000000b0b")
ACCOUNT = User(ADA, "ada", "ada@example.com", "Ada Lovelace", Role.CUSTOMER, NOON)
RULES = KeyRules(timedelta(hours=1), timedelta(days=1), timedelta(minutes=5))
SECOND = timedelta(seconds=1)


def key(name: str, sign_from: datetime, sign_until: datetime) -> SigningKey:
    return SigningKey(name, Window(sign_from, sign_until), "{}", "")


@pytest.mark.parametrize("reader", [Reader(ADA, is_operator=False), Reader(BOB, is_operator=True)])
def test_an_account_is_shown_to_its_owner_and_to_operators(reader: Reader) -> None:
    assert domain.shown_to(reader, ACCOUNT) == ACCOUNT


@pytest.mark.parametrize(
    ("reader", "user"),
    [
        (Reader(BOB, is_operator=False), ACCOUNT),
        (Reader(BOB, is_operator=False), None),
        (Reader(BOB, is_operator=True), None),
    ],
)
def test_foreign_and_unknown_accounts_look_the_same_and_as_everywhere_else(
    reader: Reader, user: User | None
) -> None:
    with pytest.raises(AccessDenied) as caught:
        domain.shown_to(reader, user)
    ours, theirs = caught.value, access_denied()
    assert (ours.kind, ours.reason, str(ours)) == (theirs.kind, theirs.reason, str(theirs))


def test_an_unknown_account_has_no_contact() -> None:
    with pytest.raises(domain.ContactNotFound):
        domain.contact_of(None)
    assert domain.contact_of(ACCOUNT) == domain.Contact("ada@example.com", "Ada Lovelace")


def test_the_very_first_key_signs_at_once() -> None:
    plan = domain.plan_keys([], NOON, RULES)
    assert plan.wanted == Window(NOON, NOON + RULES.key_lifetime)
    first = key("first", NOON, NOON + RULES.key_lifetime)
    after = domain.plan_keys([first], NOON, RULES)
    assert (after.signing, after.published, after.wanted) == (first, (first,), None)


def test_the_next_key_is_made_ten_minutes_early_and_follows_without_a_gap() -> None:
    end = NOON + RULES.key_lifetime
    first = key("first", NOON, end)
    early = end - timedelta(minutes=10)
    assert domain.plan_keys([first], early - SECOND, RULES).wanted is None
    assert domain.plan_keys([first], early, RULES).wanted == Window(end, end + RULES.key_lifetime)


def test_the_next_key_is_published_but_does_not_sign_yet() -> None:
    end = NOON + RULES.key_lifetime
    first, second = key("first", NOON, end), key("second", end, end + RULES.key_lifetime)
    before = domain.plan_keys([first, second], end - SECOND, RULES)
    assert (before.signing, before.published) == (first, (first, second))
    assert domain.plan_keys([first, second], end, RULES).signing == second


def test_an_old_key_is_published_until_its_last_token_has_expired_and_then_forgotten() -> None:
    end = NOON + RULES.key_lifetime
    first, second = key("first", NOON, end), key("second", end, end + RULES.key_lifetime)
    last = end + RULES.token_lifetime
    assert first in domain.plan_keys([first, second], last - SECOND, RULES).published
    after = domain.plan_keys([first, second], last, RULES)
    assert (after.published, after.gone) == ((second,), (first,))


def test_after_a_long_standstill_a_new_key_signs_at_once() -> None:
    old = key("old", NOON - timedelta(days=9), NOON - timedelta(days=8))
    plan = domain.plan_keys([old], NOON, RULES)
    assert (plan.signing, plan.published, plan.gone) == (None, (), (old,))
    assert plan.wanted == Window(NOON, NOON + RULES.key_lifetime)


@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=60))
def test_whenever_keys_are_looked_at_one_signs_and_every_fresh_copy_has_it(steps: list[int]) -> None:
    """Each look is a sign-in, a round or a verifier's fetch, any time after the one before."""
    keys, now = list[SigningKey](), NOON
    copies: list[tuple[datetime, set[str]]] = []
    tokens: list[tuple[datetime, str]] = []
    for number, seconds in enumerate([0, *steps]):
        now += timedelta(seconds=seconds)
        plan = domain.plan_keys(keys, now, RULES)
        if plan.wanted:
            keys = [k for k in keys if k not in plan.gone]
            keys.append(SigningKey(str(number), plan.wanted, "{}", ""))
            plan = domain.plan_keys(keys, now, RULES)
        assert plan.signing is not None
        assert plan.wanted is None
        tokens.append((now, plan.signing.kid))
        copies.append((now, {k.kid for k in plan.published}))
    for signed, kid in tokens:
        for taken, kids in copies:
            kept = taken <= signed <= taken + RULES.kept_by_verifiers
            valid = signed <= taken < signed + RULES.token_lifetime
            if kept or valid:
                assert kid in kids
