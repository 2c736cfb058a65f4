"""The page to try queries in: whole without the internet, with queries that the graph answers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from graphql import parse, validate

from bff.web.app import PATH
from bff.web.graphiql import ADDRESS, ASSETS
from bff.web.schema import SCHEMA
from bff.web.tests.client import Web, web
from bff.web.tests.shop import stocked

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def production() -> AsyncIterator[Web]:
    async with web(stocked(), profile="prod") as found:
        yield found


async def test_a_browser_at_the_graph_is_shown_the_page_with_all_that_it_needs(ada: Web) -> None:
    answer = await ada.http.get(PATH, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (307, ADDRESS)
    page = await ada.http.get(ADDRESS)
    assert page.headers["content-type"].startswith("text/html")
    needed = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(needed) == len([path for path in ASSETS.iterdir() if path.suffix in (".js", ".css")])
    for address in needed:
        file = await ada.http.get(address)
        assert (file.status_code, address.startswith(f"{ADDRESS}/")) == (200, True)
        assert file.headers["content-type"].partition(";")[0] in ("text/javascript", "text/css")
        assert "'self'" in file.headers["content-security-policy"]


async def test_a_browser_that_asks_something_gets_the_answer(ada: Web) -> None:
    answer = await ada.http.get(PATH, params={"query": "{ __typename }"}, headers=BROWSER)
    assert answer.json() == {"data": {"__typename": "Query"}}


def test_the_queries_that_it_begins_with_fit_the_graph() -> None:
    found = re.search(r"const QUERY = `(.*?)`;", (ASSETS / "start.js").read_text(), re.DOTALL)
    assert found is not None
    document = parse(found[1])
    assert len(document.definitions) == 3
    assert validate(SCHEMA._schema, document) == []


async def test_production_has_no_such_page(production: Web) -> None:
    assert (await production.http.get(ADDRESS)).status_code == 404
    assert (await production.http.get(PATH, headers=BROWSER)).status_code == 400
