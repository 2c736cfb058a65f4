"""Checkout and sign-in: one order for each key, refusals with the service's reason, tokens of this door."""

from __future__ import annotations

import json
import uuid
from base64 import urlsafe_b64decode

import pytest

from bff.mobile.tests.client import CART, Mobile
from bff.mobile.tests.shop import ADA, BOB, PASSWORD
from kit.errors import Problem
from ordermesh.orders.v1 import orders_pb2

KEY = "0b8f3c52-6d0a-4c6e-8a53-1f3f6f0f2a11"


async def test_an_order_is_placed_and_its_place_named(ada: Mobile) -> None:
    answer = await ada.check_out(CART, KEY)
    told = answer.json()
    assert (answer.status_code, told["s"], told["l"][0]["k"]) == (201, "PENDING", "MUG-BLUE")
    assert answer.headers["location"] == f"/mobile/v1/orders/{told['i']}"
    assert answer.headers["cache-control"] == "no-store"
    shown = await ada.get(answer.headers["location"].removeprefix("/mobile/v1"))
    assert shown.json() == told
    (request,) = (heard for heard in ada.shop.heard if hasattr(heard, "payment_token"))
    assert (request.payment_token, request.lines[0].quantity) == ("tok_approved", 2)
    assert request.coordination == orders_pb2.COORDINATION_UNSPECIFIED


async def test_the_same_key_gets_the_same_order(ada: Mobile) -> None:
    first = await ada.check_out(CART, KEY)
    ada.shop.moved(first.json()["i"], orders_pb2.ORDER_STATE_CONFIRMED)
    again = await ada.check_out(CART, KEY)
    assert (again.status_code, again.json()["i"], again.json()["s"]) == (201, first.json()["i"], "CONFIRMED")
    assert len(ada.shop.orders) == 1


async def test_another_key_or_another_customer_gets_another_order(ada: Mobile) -> None:
    placed = [
        await ada.check_out(CART, KEY),
        await ada.check_out(CART, "2"),
        await ada.check_out(CART, KEY, user=BOB),
    ]
    assert len({answer.json()["i"] for answer in placed}) == len(ada.shop.orders) == 3


async def test_a_key_that_was_used_for_another_cart_is_refused(ada: Mobile) -> None:
    await ada.check_out(CART, KEY)
    answer = await ada.check_out(CART | {"l": [{"k": "MUG-BLUE", "q": 3}]}, KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(ada.shop.orders) == 1


async def test_a_key_that_is_under_way_is_to_be_sent_again(ada: Mobile) -> None:
    ada.shop.broken["PlaceOrder"] = Problem("conflict", "REQUEST_IN_PROGRESS", "its outcome is open")
    answer = await ada.check_out(CART, KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_KEY_IN_FLIGHT")
    ada.shop.broken.clear()
    assert (await ada.check_out(CART, KEY)).status_code == 201


@pytest.mark.parametrize("key", [None, "", "x" * 256, "two words", "ä"])
async def test_a_checkout_without_a_key_is_refused(ada: Mobile, key: str | None) -> None:
    sent = {} if key is None else {"idempotency-key": key.encode("latin-1")}
    answer = await ada.post("/checkout", CART, headers=sent)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert told["errors"][0]["pointer"] == "/header/Idempotency-Key"
    assert not ada.shop.calls


REFUSALS: dict[str, tuple[Problem, int, str]] = {
    "sold out": (Problem("refused", "OUT_OF_STOCK", "none is left"), 409, "OUT_OF_STOCK"),
    "not sold": (Problem("missing", "PRODUCT_NOT_FOUND", "there is none"), 409, "PRODUCT_NOT_FOUND"),
    "not hers": (Problem("denied", "ACCESS_DENIED", "not yours"), 403, "ACCESS_DENIED"),
    "away": (Problem("unavailable", "DEPENDENCY_UNAVAILABLE", "try again"), 503, "DEPENDENCY_UNAVAILABLE"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_has_the_services_reason(ada: Mobile, name: str) -> None:
    problem, status, code = REFUSALS[name]
    ada.shop.broken["PlaceOrder"] = problem
    answer = await ada.check_out(CART, KEY)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_card_that_is_declined_is_declined_again(ada: Mobile) -> None:
    for _ in range(2):
        answer = await ada.check_out(CART | {"pay": "tok_declined"}, KEY)
        assert (answer.status_code, answer.json()["code"]) == (409, "PAYMENT_DECLINED")
    assert len(ada.shop.orders) == 1


async def test_what_only_the_service_finds_wrong_is_said_by_the_names_of_this_api(ada: Mobile) -> None:
    answer = await ada.check_out(CART | {"l": [{"k": "MUG-BLUE", "q": 1}] * 2}, KEY)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (422, "DUPLICATE_SKU")
    assert told["errors"] == [{"pointer": "/l", "detail": "must name each sku once; add the quantities up"}]


async def test_who_signs_in_gets_a_token_of_this_door(ada: Mobile) -> None:
    answer = await ada.post("/sign-in", {"u": "ada", "p": PASSWORD}, user=None)
    told = answer.json()
    assert (answer.status_code, set(told), told["x"]) == (200, {"t", "x"}, 2_000_000_000)
    assert answer.headers["cache-control"] == "no-store"
    claims = json.loads(urlsafe_b64decode(told["t"].split(".")[1] + "=="))
    assert (claims["aud"], claims["sub"]) == ("ordermesh-mobile", str(ADA))
    headers = {"authorization": f"Bearer {told['t']}"}
    assert (await ada.get("/home", user=None, headers=headers)).json()["me"]["u"] == "ada"


@pytest.mark.parametrize("body", [{"u": "ada", "p": "wrong"}, {"u": "nobody", "p": PASSWORD}])
async def test_a_wrong_password_and_an_unknown_name_look_the_same(ada: Mobile, body: dict[str, str]) -> None:
    answer = await ada.post("/sign-in", body, user=None)
    assert (answer.status_code, answer.json()["code"]) == (401, "CREDENTIALS_INVALID")


async def test_a_key_is_the_same_request_for_ever(ada: Mobile) -> None:
    """Made of caller, operation and key: what a restart forgets, the services must not."""
    await ada.check_out(CART, "a-key", user=uuid.UUID(int=0xADA))
    assert list(ada.shop.requests) == [
        str(uuid.uuid5(uuid.NAMESPACE_URL, f"ordermesh:mobile:checkout:{ADA}:a-key"))
    ]
