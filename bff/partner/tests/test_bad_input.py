"""The table of bad input for REST, row by row; what the edge answers itself is in tests/edge."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bff.partner.tests.client import HOOK, ORDER, Partner, refused
from bff.partner.tests.shop import ADA
from kit.errors import Problem
from kit.strict_json import MAX_DEPTH

LINE = {"sku": "MUG-BLUE", "quantity": 1}
JSON = {"content-type": "application/json"}

MALFORMED = {
    "no JSON": b"lines=1",
    "nothing": b"",
    "cut off": json.dumps(ORDER).encode()[:-4],
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(ORDER).encode(),
    "NaN": b'{"lines": [{"sku": "MUG-BLUE", "quantity": NaN}], "payment_token": "tok_approved"}',
    "a key twice": b'{"payment_token": "tok_a", "payment_token": "tok_b", "lines": []}',
    "too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_strict_json_is_refused(ada: Partner, name: str) -> None:
    answer = await ada.ask("POST", "/v1/orders", content=MALFORMED[name], headers=JSON)
    assert refused(answer) == (400, "MALFORMED_JSON")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_another_media_type_is_refused(ada: Partner, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = await ada.ask("POST", "/v1/orders", content=json.dumps(ORDER).encode(), headers=headers)
    assert refused(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html", 406),
        ("application/xml, text/*", 406),
        ("application/json;q=0", 406),
        ("*/*", 200),
        ("text/html, application/json;q=0.1", 200),
        ("application/*", 200),
    ],
)
async def test_who_takes_no_json_gets_no_answer(ada: Partner, accept: str, status: int) -> None:
    answer = await ada.ask("GET", "/v1/products", headers={"accept": accept})
    assert answer.status_code == status
    if status == 406:
        assert refused(answer) == (406, "NOT_ACCEPTABLE")


def order(**changed: Any) -> dict[str, Any]:
    return ORDER | changed


WRONG: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "several at once": (
        {"lines": [{"sku": "mug", "quantity": 0}], "payment_token": "card"},
        "VALIDATION_FAILED",
        ["/lines/0/quantity", "/lines/0/sku", "/payment_token"],
    ),
    "missing fields": ({}, "VALIDATION_FAILED", ["/lines", "/payment_token"]),
    "no lines": (order(lines=[]), "VALIDATION_FAILED", ["/lines"]),
    "too many lines": (order(lines=[LINE] * 101), "VALIDATION_FAILED", ["/lines"]),
    "an unknown field": (order(coupon="x"), "UNKNOWN_FIELD", ["/coupon"]),
    "an unknown field inside": (order(lines=[LINE | {"a/b~": 1}]), "UNKNOWN_FIELD", ["/lines/0/a~1b~0"]),
    "a field to read": (order(state="CONFIRMED", total=1), "READ_ONLY_FIELD", ["/state", "/total"]),
    "both": (order(state="CONFIRMED", coupon="x"), "UNKNOWN_FIELD", ["/coupon", "/state"]),
    "a fraction": (order(lines=[LINE | {"quantity": 1.5}]), "VALIDATION_FAILED", ["/lines/0/quantity"]),
    "a whole fraction": (order(lines=[LINE | {"quantity": 1.0}]), "VALIDATION_FAILED", ["/lines/0/quantity"]),
    "a text": (order(lines=[LINE | {"quantity": "1"}]), "VALIDATION_FAILED", ["/lines/0/quantity"]),
    "a truth": (order(lines=[LINE | {"quantity": True}]), "VALIDATION_FAILED", ["/lines/0/quantity"]),
    "too many": (order(lines=[LINE | {"quantity": 10**30}]), "VALIDATION_FAILED", ["/lines/0/quantity"]),
    "a huge text": (order(payment_token="tok_" + "x" * 9999), "VALIDATION_FAILED", ["/payment_token"]),
    "NUL": (order(payment_token="tok_a\0"), "VALIDATION_FAILED", ["/payment_token"]),
    "half a pair": (order(payment_token="tok_\ud83d"), "VALIDATION_FAILED", ["/payment_token"]),
    "a line break": (order(payment_token="tok_a\n"), "VALIDATION_FAILED", ["/payment_token"]),
    "no object": ([], "VALIDATION_FAILED", [""]),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("name", WRONG)
async def test_every_wrong_value_is_named_by_its_place(ada: Partner, name: str) -> None:
    body, code, pointers = WRONG[name]
    text = json.dumps(body).encode()
    answer = await ada.ask("POST", "/v1/orders", content=text, headers=JSON)
    assert refused(answer) == (422, code)
    assert sorted(each["pointer"] for each in answer.json()["errors"]) == pointers
    assert not ada.shop.orders


async def test_a_number_beyond_all_is_refused(ada: Partner) -> None:
    text = json.dumps(ORDER).replace("2", "1e400")
    answer = await ada.ask("POST", "/v1/orders", content=text.encode(), headers=JSON)
    assert refused(answer) == (422, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    "changed",
    [
        {"event_types": ["order.exploded"]},
        {"event_types": []},
        {"url": ""},
        {"url": "https://shop.example/\0"},
        {"url": "https://shop.example/ x"},
    ],
)
async def test_an_endpoint_is_registered_with_what_there_is(ada: Partner, changed: dict[str, Any]) -> None:
    answer = await ada.ask("POST", "/v1/webhooks", json=HOOK | changed)
    assert refused(answer) == (422, "VALIDATION_FAILED")


async def test_too_many_endpoints_are_refused(ada: Partner) -> None:
    ada.shop.broken["CreateWebhookEndpoint"] = Problem(
        "refused", "TOO_MANY_WEBHOOK_ENDPOINTS", "10 at most", {"most": "10"}
    )
    answer = await ada.ask("POST", "/v1/webhooks", json=HOOK)
    assert refused(answer) == (422, "TOO_MANY_WEBHOOK_ENDPOINTS")
    assert answer.json()["details"] == {"most": "10"}


async def test_a_body_that_is_too_long_is_refused(ada: Partner) -> None:
    answer = await ada.ask("POST", "/v1/orders", content=b" " * 70_000, headers=JSON)
    assert refused(answer) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/payments", 404, "ROUTE_NOT_FOUND"),
        ("/v1/orders/", 404, "ROUTE_NOT_FOUND"),
        ("/v3/orders", 404, "ROUTE_NOT_FOUND"),
        ("/v2/products", 404, "ROUTE_NOT_FOUND"),
        ("", 404, "ROUTE_NOT_FOUND"),
    ],
)
async def test_an_unknown_route_is_told_so(ada: Partner, path: str, status: int, code: str) -> None:
    assert refused(await ada.ask("GET", path)) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/orders", "GET, POST"),
        ("DELETE", "/v1/products", "GET"),
        ("PATCH", "/v1/webhooks/6f8f57d0-5d1c-4e0b-9d57-0c3f2b8b1a11", "DELETE, GET"),
        ("POST", "/v2/orders", "GET"),
        ("GET", "/v1/orders/6f8f57d0-5d1c-4e0b-9d57-0c3f2b8b1a11/cancel", "POST"),
    ],
)
async def test_a_method_that_is_not_served_is_told_those_that_are(
    ada: Partner, method: str, path: str, allowed: str
) -> None:
    answer = await ada.ask(method, path)
    assert refused(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == allowed


PAGES = ("limit=0", "limit=101", "limit=-1", "limit=x", "limit=1.5", "cursor=%21", "cursor=AAAA")


@pytest.mark.parametrize("path", ["/v1/products", "/v1/orders", "/v1/webhooks", "/v2/orders"])
async def test_a_page_that_is_none_is_refused(ada: Partner, path: str) -> None:
    for query in (*PAGES, "cursor=" + "a" * 501):
        answer = await ada.ask("GET", f"{path}?{query}")
        assert refused(answer) == (422, "PAGE_INVALID"), query
        assert [each["pointer"] for each in answer.json()["errors"]] == [f"/{query.partition('=')[0]}"]


async def test_a_cursor_of_another_list_is_refused(ada: Partner) -> None:
    for _ in range(2):
        ada.shop.ordered(ADA, {"MUG-BLUE": 1})
    cursor = (await ada.ask("GET", "/v1/orders?limit=1")).json()["next_cursor"]
    assert refused(await ada.ask("GET", f"/v1/products?cursor={cursor}")) == (422, "PAGE_INVALID")


async def test_a_parameter_that_nobody_knows_is_refused(ada: Partner) -> None:
    answer = await ada.ask("GET", "/v1/orders?page=2")
    assert refused(answer) == (422, "UNKNOWN_FIELD")


@pytest.mark.parametrize("service", ["products", "orders", "notifications"])
async def test_an_outage_is_told_with_the_time_to_try_again(ada: Partner, service: str) -> None:
    await ada.running.stop(service)
    path = {"products": "/v1/products", "orders": "/v1/orders", "notifications": "/v1/webhooks"}[service]
    answer = await ada.ask("GET", path)
    assert refused(answer) == (503, "DEPENDENCY_UNAVAILABLE")
    assert (answer.headers["retry-after"], service in answer.json()["detail"]) == ("1", True)


async def test_an_answer_that_takes_too_long_is_told_so(ada: Partner) -> None:
    ada.shop.broken["GetProduct"] = Problem("too_late", "DEADLINE_EXCEEDED", "too late")
    answer = await ada.ask("GET", "/v1/products/MUG-BLUE")
    assert refused(answer) == (504, "UPSTREAM_TIMEOUT")


async def test_a_bug_says_nothing_of_itself(ada: Partner) -> None:
    ada.shop.broken["GetProduct"] = RuntimeError("the password is hunter2")
    answer = await ada.ask("GET", "/v1/products/MUG-BLUE")
    assert answer.status_code in (500, 503)
    assert "hunter2" not in answer.text


async def test_two_tokens_are_refused(ada: Partner) -> None:
    headers = [("authorization", "Bearer a"), ("authorization", "Bearer b")]
    answer = await ada.http.get("/partner/v1/products", headers=headers)
    assert refused(answer) == (401, "TOKEN_INVALID")
