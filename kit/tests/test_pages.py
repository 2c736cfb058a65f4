"""Page tokens: what comes back, and that nothing else is taken."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import pages
from kit.errors import Problem

SCOPE = "ListProducts mug"


def forged(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def mark() -> str:
    text = pages.encode(["x"], SCOPE)
    return str(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))[0])


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_a_cursor_comes_back_as_it_went(cursor: list[str]) -> None:
    assert pages.decode(pages.encode(cursor, SCOPE), SCOPE, parts=len(cursor)) == cursor


def test_the_empty_token_is_the_first_page() -> None:
    assert pages.decode("", SCOPE) == []


def test_a_token_fits_into_a_query_string_unescaped() -> None:
    token = pages.encode(["ÿ?>~" * 5], SCOPE)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_token_of_another_query_is_refused() -> None:
    refused(pages.encode(["MUG-BLUE"], "ListProducts tea"))


@pytest.mark.parametrize(
    "token", ["x", "x" * 500, "=", "ä", "MTI!", "W10 ", "/w", "_w", forged([]), forged({})]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    refused(token)


@pytest.mark.parametrize("cursor", [[], ["a", "b"], [1], [None], [["a"]], ["\0"], ["\ud800"]])
def test_a_forged_cursor_that_the_database_would_choke_on_is_refused(cursor: list[object]) -> None:
    refused(forged([mark(), *cursor]))


def test_deep_nesting_is_refused_not_a_crash() -> None:
    refused(base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("="))


def refused(token: str) -> None:
    with pytest.raises(Problem) as caught:
        pages.decode(token, SCOPE)
    assert (caught.value.kind, caught.value.reason) == ("invalid", "PAGE_TOKEN_INVALID")
    assert [violation.field for violation in caught.value.violations] == ["page_token"]


@pytest.mark.parametrize(("asked", "held"), [(0, 20), (1, 1), (100, 100), (101, 100)])
def test_the_size_of_a_page_has_a_default_and_a_limit(asked: int, held: int) -> None:
    assert pages.size(asked) == held
