"""What cannot be carried out: the status, the code, and what to change. Nothing of it reaches a service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bff.web.app import PATH
from bff.web.limits import MAX_ALIASES, MAX_COST, MAX_DEPTH, MAX_DIRECTIVES, MAX_TOKENS
from bff.web.tests.client import Web, web
from bff.web.tests.shop import ADA, stocked

JSON = {"content-type": "application/json"}
DEEP = "{ me { orders { edges { node { lines { product { price { amount } } } } } } } }"
PRODUCT = 'product(sku: "MUG-BLUE")'


@pytest.fixture
async def production() -> AsyncIterator[Web]:
    async with web(stocked(), profile="prod") as found:
        yield found


def codes(answer: httpx.Response) -> tuple[int, list[str]]:
    return answer.status_code, [error["extensions"]["code"] for error in answer.json()["errors"]]


BODIES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"query { me { id } }", "GRAPHQL_BAD_REQUEST"),
    "truncated": (b'{"query": "{ me', "GRAPHQL_BAD_REQUEST"),
    "not UTF-8": (b'{"query": "\xff"}', "GRAPHQL_BAD_REQUEST"),
    "byte order mark": (b'\xef\xbb\xbf{"query": "{ me { id } }"}', "GRAPHQL_BAD_REQUEST"),
    "NaN": (b'{"query": "{ me { id } }", "variables": {"a": NaN}}', "GRAPHQL_BAD_REQUEST"),
    "a name twice": (b'{"query": "{ me { id } }", "query": "{ x }"}', "GRAPHQL_BAD_REQUEST"),
    "half a pair": (b'{"query": "{ me { id } }", "variables": {"a": "\\ud800"}}', "GRAPHQL_BAD_REQUEST"),
    "very deep": (
        b'{"query": "{ me { id } }", "variables": ' + b'{"a":' * 50 + b"1" + b"}" * 51,
        "GRAPHQL_BAD_REQUEST",
    ),
    "no query": (b"{}", "GRAPHQL_BAD_REQUEST"),
    "an empty query": (b'{"query": "  "}', "GRAPHQL_BAD_REQUEST"),
    "a query that is a number": (b'{"query": 1}', "GRAPHQL_BAD_REQUEST"),
    "variables that are a list": (b'{"query": "{ me { id } }", "variables": []}', "GRAPHQL_BAD_REQUEST"),
    "two operations": (b'{"query": "query a { me { id } } query b { me { id } }"}', "GRAPHQL_BAD_REQUEST"),
    "an unknown operation": (
        b'{"query": "query a { me { id } }", "operationName": "b"}',
        "GRAPHQL_BAD_REQUEST",
    ),
    "a batch": (b'[{"query": "{ me { id } }"}]', "BATCHING_DISABLED"),
    "a number": (b"1", "GRAPHQL_BAD_REQUEST"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_asks_for_nothing_is_refused(ada: Web, name: str) -> None:
    body, code = BODIES[name]
    answer = await ada.http.post(PATH, content=body, headers=JSON | ada.headers(ADA))
    assert codes(answer) == (400, [code])
    assert not ada.shop.calls


FIELDS = " ".join(f"a{n}: {PRODUCT} {{ sku }}" for n in range(MAX_ALIASES + 1))
DIRECTIVES = PRODUCT + " { sku " + "@include(if: true) @skip(if: false) " * 11 + "}"
SPREAD = " ".join(["...f"] * 10)
QUERIES: dict[str, tuple[str, str, Any]] = {
    "syntax": ("{ me { id }", "GRAPHQL_PARSE_FAILED", None),
    "only a fragment": ("fragment f on User { id }", "GRAPHQL_VALIDATION_FAILED", None),
    "an unknown field": ("{ me { pasword } }", "GRAPHQL_VALIDATION_FAILED", None),
    "an unknown argument": ('{ product(id: "x") { sku } }', "GRAPHQL_VALIDATION_FAILED", None),
    "a value out of range": ("{ products(first: 101) { nodes { sku } } }", "GRAPHQL_VALIDATION_FAILED", None),
    "no fields of an object": ("{ me }", "GRAPHQL_VALIDATION_FAILED", None),
    "too deep": (DEEP.replace("amount", "amount { x }"), "QUERY_TOO_DEEP", MAX_DEPTH),
    "too deep in a fragment": (
        "{ me { orders { edges { ...f } } } } fragment f on OrderEdge "
        "{ node { lines { product { price { amount { x } } } } } }",
        "QUERY_TOO_DEEP",
        MAX_DEPTH,
    ),
    "a fragment that spreads itself": (
        "{ me { ...f } } fragment f on Viewer { orders { nodes { customer { ...g } } } } "
        "fragment g on User { ...g }",
        "QUERY_TOO_DEEP",
        MAX_DEPTH,
    ),
    "nested like hell": ("{ me " * 300 + "}" * 300, "QUERY_TOO_DEEP", MAX_DEPTH),
    "too many aliases": (f"{{ {FIELDS} }}", "QUERY_TOO_WIDE", MAX_ALIASES),
    "too many aliases in a fragment": (
        f"{{ {SPREAD} }} fragment f on Query {{ a: {PRODUCT} {{ sku }} b: {PRODUCT} {{ sku }} }}",
        "QUERY_TOO_WIDE",
        MAX_ALIASES,
    ),
    "too many directives": (f"{{ {DIRECTIVES} }}", "QUERY_TOO_WIDE", MAX_DIRECTIVES),
    "too many tokens": ("{ " + "me { id } " * 251 + "}", "QUERY_TOO_LARGE", MAX_TOKENS),
    "too costly": (
        "{ me { orders(first: 100) { nodes { payment { state } shipment { state } timeline { version } "
        "lines { product { sku } } } } } }",
        "QUERY_TOO_COSTLY",
        MAX_COST,
    ),
    "too many sign-ins": (
        "mutation { "
        + " ".join(
            f's{n}: signIn(input: {{username: "ada", password: "{n}"}}) {{ __typename }}' for n in range(6)
        )
        + " }",
        "QUERY_TOO_COSTLY",
        MAX_COST,
    ),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_document_that_is_wrong_or_too_much_is_refused(ada: Web, name: str) -> None:
    query, code, limit = QUERIES[name]
    answer = await ada.ask(query)
    assert (answer.status, set(answer.codes)) == (400, {code})
    assert "data" not in answer.body
    if limit is not None:
        told = answer.body["errors"][0]["extensions"]
        assert told["limit"] == limit
        assert told["value"] is None or told["value"] > limit
    assert not ada.shop.calls


async def test_what_is_just_within_the_limits_is_answered(ada: Web) -> None:
    ada.shop.ordered(ADA, ["MUG-BLUE"])
    aliases = " ".join(f"a{n}: {PRODUCT} {{ sku }}" for n in range(MAX_ALIASES))
    for query in (DEEP, f"{{ {aliases} }}", "{ me { orders(first: 100) { nodes { id state } } } }"):
        assert (await ada.ask(query)).data


async def test_a_cost_is_that_of_the_page_that_the_variables_ask_for(ada: Web) -> None:
    query = """query($first: PageSize!) {
      me { orders(first: $first) {
        nodes { payment { state } shipment { state } timeline { version } lines { sku } }
      } }
    }"""
    assert (await ada.ask(query, {"first": 5})).data
    assert (await ada.ask(query, {"first": 100})).codes == ["QUERY_TOO_COSTLY"]


VARIABLES: dict[str, tuple[str, Any, list[Any]]] = {
    "of another type": ("PageSize!", "ten", ["variables", "v"]),
    "null": ("PageSize!", None, ["variables", "v"]),
    "out of range": ("PageSize!", 101, ["variables", "v"]),
    "a fraction": ("PageSize!", 1.5, ["variables", "v"]),
    "a truth": ("PageSize!", True, ["variables", "v"]),
    "huge": ("PageSize!", 10**400, ["variables", "v"]),
}


@pytest.mark.parametrize("name", VARIABLES)
async def test_a_variable_that_cannot_be_is_named_with_its_path(ada: Web, name: str) -> None:
    kind, value, path = VARIABLES[name]
    query = f"query($v: {kind}) {{ products(first: $v) {{ nodes {{ sku }} }} }}"
    answer = await ada.ask(query, {"v": value})
    assert (answer.status, answer.codes) == (400, ["BAD_USER_INPUT"])
    assert answer.body["errors"][0]["extensions"]["path"] == path
    assert not ada.shop.calls


async def test_every_wrong_part_of_an_input_is_named_at_once(ada: Web) -> None:
    query = "mutation($v: PlaceOrderInput!) { placeOrder(input: $v) { __typename } }"
    lines = [{"sku": "mug", "quantity": 1}, {"sku": "MUG-BLUE", "quantity": 0}]
    answer = await ada.ask(query, {"v": {"requestId": "1", "lines": lines, "paymentToken": "card"}})
    assert (answer.status, set(answer.codes)) == (400, {"BAD_USER_INPUT"})
    places = {tuple(error["extensions"]["path"][2:]) for error in answer.body["errors"]}
    assert places == {("requestId",), ("paymentToken",), ("lines", 0, "sku"), ("lines", 1, "quantity")}


async def test_a_variable_that_is_missing_is_named(ada: Web) -> None:
    answer = await ada.ask("query($v: PageSize!) { products(first: $v) { nodes { sku } } }")
    assert (answer.status, answer.codes) == (400, ["BAD_USER_INPUT"])
    assert "$v" in answer.body["errors"][0]["message"]


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
     "application/json; charset=latin-1", "application/jsonp"],
)  # fmt: skip
async def test_what_a_form_can_send_is_not_taken(ada: Web, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = await ada.http.post(PATH, content=b'{"query": "{ me { id } }"}', headers=headers)
    assert codes(answer) == (415, ["UNSUPPORTED_MEDIA_TYPE"])


async def test_a_link_changes_nothing(ada: Web) -> None:
    query = 'mutation { signIn(input: {username: "ada", password: "x"}) { __typename } }'
    answer = await ada.http.get(PATH, params={"query": query})
    assert (codes(answer), answer.headers["allow"]) == ((405, ["METHOD_NOT_ALLOWED"]), "POST")
    assert not ada.shop.calls
    read = await ada.http.get(
        PATH,
        params={"query": "query($s: Sku!) { product(sku: $s) { sku } }", "variables": '{"s": "MUG-BLUE"}'},
    )
    assert read.json() == {"data": {"product": {"sku": "MUG-BLUE"}}}


async def test_a_subscription_is_answered_as_events_only(ada: Web) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"])
    query = f'subscription {{ orderStatus(orderId: "{order_id}") {{ version }} }}'
    answer = await ada.ask(query)
    assert (answer.status, answer.codes) == (406, ["NOT_ACCEPTABLE"])


async def test_an_event_id_that_is_none_is_refused(ada: Web) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"])
    query = f'subscription {{ orderStatus(orderId: "{order_id}") {{ version }} }}'
    headers = {"accept": "text/event-stream", "last-event-id": "x"}
    answer = await ada.http.post(PATH, json={"query": query}, headers=headers)
    assert codes(answer) == (400, ["GRAPHQL_BAD_REQUEST"])


async def test_in_production_nobody_is_told_what_there_is(ada: Web, production: Web) -> None:
    introspection = "{ __schema { types { name } } }"
    assert (await ada.ask(introspection)).data
    answer = await production.ask(introspection)
    assert (answer.status, answer.codes) == (400, ["INTROSPECTION_DISABLED"])
    assert (await production.ask("{ __typename }")).data == {"__typename": "Query"}
    for misspelt in ("{ mee { id } }", "query($v: PlaceOrderInput!) { me { id } product(sku: $v) { skus } }"):
        assert "Did you mean" in str((await ada.ask(misspelt)).body)
        assert "Did you mean" not in str((await production.ask(misspelt)).body)
    wrong = {"v": {"requestID": "x"}}
    misspelt = "mutation($v: PlaceOrderInput!) { placeOrder(input: $v) { __typename } }"
    assert "Did you mean" in str((await ada.ask(misspelt, wrong)).body)
    assert "Did you mean" not in str((await production.ask(misspelt, wrong)).body)


async def test_a_body_of_more_than_64_kib_is_not_read(ada: Web) -> None:
    answer = await ada.http.post(PATH, json={"query": "{ me { id } }" + " " * (1 << 16)})
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_an_answer_has_the_media_type_that_was_asked_for(ada: Web) -> None:
    for accepted, told in (
        ("*/*", "application/json"),
        ("application/graphql-response+json", "application/graphql-response+json"),
    ):
        for query in ("{ __typename }", "{"):
            answer = await ada.http.post(PATH, json={"query": query}, headers={"accept": accepted})
            assert answer.headers["content-type"] == told
