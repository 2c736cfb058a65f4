"""What cannot be answered: the status, the code, and what to change. Nothing of it reaches a service.

The rows of REST that are not here: what the edge refuses (headers, addresses, rates, path tricks) is tested
with the edge, keys in `test_checkout`; there are no pages here, and nothing that If-Match could guard.
"""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

import kit.channels
from bff.mobile.app import AUDIENCE
from bff.mobile.tests.client import CART, Mobile, as_user
from bff.mobile.tests.shop import ADA, ISSUER, PASSWORD
from kit.errors import Problem

JSON = {"content-type": "application/json"}
KEY = {"idempotency-key": "a-key"}
CHECKOUT, SIGN_IN = "/mobile/v1/checkout", "/mobile/v1/sign-in"
ORDER = f"/orders/{uuid.UUID(int=7)}"


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem that has all that RFC 9457 and we promise."""
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["type"] == "about:blank"
    assert told["status"] == answer.status_code
    assert all(told[name] for name in ("title", "detail", "code", "traceId"))
    return answer.status_code, told["code"]


def pointers(answer: httpx.Response) -> set[str]:
    return {error["pointer"] for error in answer.json()["errors"]}


BODIES: dict[str, bytes] = {
    "empty": b"",
    "not JSON": b"two mugs, please",
    "truncated": b'{"l": [',
    "not UTF-8": b'{"pay": "\xff"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "NaN": b'{"l": NaN}',
    "a name twice": b'{"pay": "tok_a", "pay": "tok_b"}',
    "very deep": b'{"l":' * 40 + b"1" + b"}" * 40,
}


@pytest.mark.parametrize("path", [CHECKOUT, SIGN_IN])
@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_no_json_is_refused_with_its_place(ada: Mobile, name: str, path: str) -> None:
    answer = await ada.http.post(path, content=BODIES[name], headers=JSON | KEY | as_user(ADA))
    assert problem(answer) == (400, "MALFORMED_JSON")
    if name == "truncated":
        assert "line 1, column" in answer.json()["detail"]
    assert not ada.shop.calls


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "application/json; charset=latin-1",
        "application/jsonp",
    ],
)
async def test_a_body_of_another_type_is_not_taken(ada: Mobile, kind: str) -> None:
    headers = ({"content-type": kind} if kind else {}) | KEY | as_user(ADA)
    answer = await ada.http.post(CHECKOUT, content=b"{}", headers=headers)
    assert problem(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml, text/*", "application/json;q=0, image/png"]
)
@pytest.mark.parametrize("path", ["/home", ORDER, f"{ORDER}/events"])
async def test_a_client_that_takes_no_json_is_told_so(ada: Mobile, path: str, accept: str) -> None:
    if path.endswith("/events"):
        accept = accept.replace("text/*", "text/css")
    answer = await ada.get(path, headers={"accept": accept})
    assert problem(answer) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/event-stream", "text/event-stream"),
        ("text/event-stream, application/json;q=0.5", "text/event-stream"),
        ("text/event-stream;q=0.1, application/json", "application/json"),
        ("text/*;q=1, application/json;q=0.9, */*;q=0.1", "text/event-stream"),
    ],
)
async def test_a_client_is_answered_in_the_type_that_it_likes_best(
    ada: Mobile, accept: str, told: str
) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"])
    answer = await ada.get(f"/orders/{order_id}/events", headers={"accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == told


async def test_all_that_is_wrong_is_said_at_once(ada: Mobile) -> None:
    cart = {"l": [{"k": "mug", "q": 1}, {"k": "MUG-BLUE", "q": 0}, {"q": 1}], "pay": "4111 1111"}
    answer = await ada.check_out(cart, "a-key")
    assert problem(answer) == (422, "VALIDATION_FAILED")
    assert pointers(answer) == {"/l/0/k", "/l/1/q", "/l/2/k", "/pay"}
    assert "4111" not in answer.text
    assert not ada.shop.calls


VALUES: dict[str, tuple[Any, str]] = {
    "a fraction": ("1.5", "/l/0/q"),
    "a float": ("2.0", "/l/0/q"),
    "endless": ("1e400", "/l/0/q"),
    "a text": ('"1"', "/l/0/q"),
    "a truth": ("true", "/l/0/q"),
    "nothing": ("null", "/l/0/q"),
    "too many": ("1001", "/l/0/q"),
    "huge": ("1" * 400, "/l/0/q"),
}


@pytest.mark.parametrize("name", VALUES)
async def test_a_number_that_is_none_is_named(ada: Mobile, name: str) -> None:
    value, place = VALUES[name]
    body = f'{{"l": [{{"k": "MUG-BLUE", "q": {value}}}], "pay": "tok_approved"}}'
    answer = await ada.http.post(CHECKOUT, content=body.encode(), headers=JSON | KEY | as_user(ADA))
    assert (problem(answer), pointers(answer)) == ((422, "VALIDATION_FAILED"), {place})
    assert not ada.shop.calls


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "\\ud800", "\\u0000", ""], ids=["huge", "half", "NUL", "empty"]
)
async def test_a_text_that_cannot_be_is_named(ada: Mobile, text: str) -> None:
    body = f'{{"l": [{{"k": "{text}", "q": 1}}], "pay": "{text}"}}'
    answer = await ada.http.post(CHECKOUT, content=body.encode(), headers=JSON | KEY | as_user(ADA))
    assert (problem(answer), pointers(answer)) == ((422, "VALIDATION_FAILED"), {"/l/0/k", "/pay"})


@pytest.mark.parametrize("field", ["pays", "L", "", "lines", "a/b~c"])
async def test_a_field_that_there_is_not_is_named(ada: Mobile, field: str) -> None:
    answer = await ada.check_out(CART | {field: 1}, "a-key")
    assert problem(answer) == (422, "UNKNOWN_FIELD")
    escaped = field.replace("~", "~0").replace("/", "~1")
    assert pointers(answer) == {f"/{escaped}" if field else ""}


@pytest.mark.parametrize("field", ["i", "s", "v", "a"])
async def test_a_field_that_only_answers_have_is_named(ada: Mobile, field: str) -> None:
    answer = await ada.check_out(CART | {field: 1}, "a-key")
    assert (problem(answer), pointers(answer)) == ((422, "READ_ONLY_FIELD"), {f"/{field}"})


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=1.5", "after=99999999999999999999", "wait=0",
                                   "wait=26", "wait="])  # fmt: skip
async def test_a_parameter_that_cannot_be_is_named(ada: Mobile, query: str) -> None:
    answer = await ada.get(f"{ORDER}/events?{query}")
    assert problem(answer) == (422, "VALIDATION_FAILED")
    assert pointers(answer) == {f"/query/{query.partition('=')[0]}"}


@pytest.mark.parametrize("path", ["/orders/17", "/orders/17/events"])
async def test_an_id_that_is_none_is_named(ada: Mobile, path: str) -> None:
    answer = await ada.get(path)
    assert (problem(answer), pointers(answer)) == ((422, "VALIDATION_FAILED"), {"/path/order_id"})


@pytest.mark.parametrize("seen", ["x", "-1", "1.5", "9" * 30])
async def test_an_event_id_that_is_none_is_refused(ada: Mobile, seen: str) -> None:
    headers = {"accept": "text/event-stream", "last-event-id": seen}
    assert problem(await ada.get(f"{ORDER}/events", headers=headers)) == (400, "BAD_REQUEST")


async def test_a_body_of_more_than_64_kib_is_not_read(ada: Mobile) -> None:
    answer = await ada.check_out(CART | {"pay": "x" * (1 << 16)}, "a-key")
    assert problem(answer) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", ["", "/", "/home/", "/nothing", "/orders", "/orders/", "/docs", "/Home"])
async def test_nothing_else_is_served(ada: Mobile, path: str) -> None:
    assert problem(await ada.get(path)) == (404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/home", "GET"),
        ("DELETE", ORDER, "GET"),
        ("GET", "/checkout", "POST"),
        ("PUT", "/sign-in", "POST"),
    ],
)
async def test_another_method_is_refused_with_the_right_one(
    ada: Mobile, method: str, path: str, allowed: str
) -> None:
    answer = await ada.http.request(method, f"/mobile/v1{path}", headers=as_user(ADA))
    assert (problem(answer), answer.headers["allow"]) == ((405, "METHOD_NOT_ALLOWED"), allowed)


TOKENS: dict[str, tuple[dict[str, str], str]] = {
    "none": ({}, "TOKEN_MISSING"),
    "another scheme": ({"authorization": "Basic YWRhOmFkYQ=="}, "TOKEN_MISSING"),
    "rubbish": ({"authorization": "Bearer abc"}, "TOKEN_INVALID"),
    "expired": ({"authorization": f"Bearer {ISSUER.token(ADA, seconds=-60, aud=AUDIENCE)}"}, "TOKEN_EXPIRED"),
    "a page's": ({"authorization": f"Bearer {ISSUER.token(ADA, aud='ordermesh-web')}"}, "TOKEN_INVALID"),
}


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("path", ["/home", ORDER, f"{ORDER}/events", "/checkout"])
async def test_who_has_no_good_token_is_told_to_sign_in(ada: Mobile, path: str, name: str) -> None:
    sent, code = TOKENS[name]
    if path == "/checkout":
        answer = await ada.post(path, CART, user=None, headers=KEY | sent)
    else:
        answer = await ada.get(path, user=None, headers=sent)
    assert problem(answer) == (401, code)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert not ada.shop.calls


SCREENS = {
    "GetOrder": ("GET", ORDER, None),
    "PlaceOrder": ("POST", "/checkout", CART),
    "SignIn": ("POST", "/sign-in", {"u": "ada", "p": PASSWORD}),
}


async def ask(ada: Mobile, method: str) -> httpx.Response:
    verb, path, body = SCREENS[method]
    return await ada.http.request(verb, f"/mobile/v1{path}", json=body, headers=KEY | as_user(ADA))


@pytest.mark.parametrize(
    ("method", "service"), [("GetOrder", "orders"), ("PlaceOrder", "orders"), ("SignIn", "users")]
)
async def test_a_service_that_is_down_is_named_and_may_be_asked_again(
    ada: Mobile, method: str, service: str
) -> None:
    await ada.running.stop(service)
    answer = await ask(ada, method)
    assert problem(answer) == (503, "DEPENDENCY_UNAVAILABLE")
    assert (answer.headers["retry-after"], service in answer.json()["detail"]) == ("1", True)


@pytest.mark.parametrize("method", SCREENS)
async def test_a_service_that_is_too_slow_is_no_gateway_of_ours(
    ada: Mobile, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit.channels, "CALL_SECONDS", 0.2)
    ada.shop.stuck.add(method)
    assert problem(await ask(ada, method)) == (504, "UPSTREAM_TIMEOUT")


@pytest.mark.parametrize("method", SCREENS)
async def test_a_bug_says_nothing_of_itself(ada: Mobile, method: str) -> None:
    ada.shop.broken[method] = RuntimeError("postgresql://user:secret@host/db")
    answer = await ask(ada, method)
    assert problem(answer) == (503, "DEPENDENCY_UNAVAILABLE")
    assert "secret" not in answer.text


async def test_a_service_that_refuses_an_id_is_heard(ada: Mobile) -> None:
    ada.shop.broken["GetOrder"] = Problem("denied", "ACCESS_DENIED", "no such thing, or it is not yours")
    assert problem(await ada.get(ORDER)) == (403, "ACCESS_DENIED")
