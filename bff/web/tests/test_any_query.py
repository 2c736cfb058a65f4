"""Any query that the schema allows, and anything that it does not: an answer with codes, and never a bug."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes

from bff.web.schema import SCHEMA
from bff.web.tests.client import Answer, web
from bff.web.tests.shop import ADA, stocked

KNOWN = {
    *("UNAUTHENTICATED", "FORBIDDEN", "BAD_USER_INPUT", "UPSTREAM_UNAVAILABLE", "NOT_ACCEPTABLE"),
    *("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_BAD_REQUEST"),
    *("QUERY_TOO_DEEP", "QUERY_TOO_WIDE", "QUERY_TOO_LARGE", "QUERY_TOO_COSTLY"),
}
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "UUID": st.uuids().map(str).map(nodes.String),
    "Sku": st.sampled_from(["MUG-BLUE", "TEA-GREEN", "NONE"]).map(nodes.String),
    "PaymentToken": st.sampled_from(["tok_approved", "tok_declined"]).map(nodes.String),
    "Quantity": st.integers(1, 1000).map(nodes.Int),
    "PageSize": st.integers(1, 100).map(nodes.Int),
    "Version": st.integers(0, 9).map(nodes.Int),
}
Ask = Callable[[str], Answer]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """The BFF in a thread of its own, for all the queries of this file."""
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    found: list[Any] = []

    async def serve() -> None:
        shop = stocked()
        shop.ordered(ADA, ["MUG-BLUE", "TEA-GREEN"], shipped=True)
        async with web(shop) as served:
            found.append(served)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(30)
    yield lambda query: asyncio.run_coroutine_threadsafe(found[0].ask(query), loop).result(30)
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(from_schema(SCHEMA.as_str(), custom_scalars=SCALARS))
def test_what_the_schema_allows_is_answered(ask: Ask, query: str) -> None:
    answer = ask(query)
    assert answer.status in (200, 400, 406), answer
    assert set(answer.codes) <= KNOWN, answer
    assert answer.status == 200 or "data" not in answer.body


PIECES = st.sampled_from(
    ["{", "}", "(", ")", "me", "orders", "first:", "1", '"', "...", "on", "$v", "@skip", "#"]
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.lists(PIECES, max_size=30).map(" ".join) | st.text(max_size=60))
def test_what_it_does_not_is_refused_with_a_code(ask: Ask, query: str) -> None:
    answer = ask(query)
    assert answer.status in (200, 400), answer
    assert set(answer.codes) <= KNOWN, answer
