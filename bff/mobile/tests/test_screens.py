"""The screens: one call each, few bytes, and nothing sent again to who has it."""

from __future__ import annotations

import gzip
import random

import pytest

from bff.mobile.tests.client import Mobile
from bff.mobile.tests.shop import ADA, BEGIN, BOB
from kit.errors import Problem
from ordermesh.orders.v1 import orders_pb2

BUDGET = 4_096
WORDS = ["harbour", "stoneware", "linen", "copper", "walnut", "cedar", "lantern", "kettle", "mirror", "amber"]


async def test_the_first_screen_is_one_call_of_each_service(ada: Mobile) -> None:
    ada.shop.ordered(BOB, ["TEA-GREEN"])
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE", "TEA-GREEN"])
    answer = await ada.get("/home")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "me": {"u": "ada", "n": "Ada"},
        "o": [
            {
                "i": order_id,
                "s": "CONFIRMED",
                "v": 2,
                "a": 5000,
                "c": "EUR",
                "q": 4,
                "t": BEGIN + 86_461,
            }
        ],
        "p": [
            {"k": "CLOCK-WALL", "n": "Wall Clock", "a": 1250, "c": "EUR"},
            {"k": "MUG-BLUE", "n": "Harbour Mug", "a": 1250, "c": "EUR"},
            {"k": "TEA-GREEN", "n": "Green Tea", "a": 1250, "c": "EUR"},
        ],
    }
    assert ada.shop.calls == {"GetUser": 1, "ListOrders": 1, "ListProducts": 1}


async def test_the_first_screen_with_20_orders_and_20_products_is_at_most_4_kb_compressed(
    ada: Mobile,
) -> None:
    dice = random.Random(7)  # noqa: S311 - the same words each time
    for number in range(30):
        title = " ".join(word.title() for word in dice.sample(WORDS, 4))
        ada.shop.sold(f"{dice.choice(WORDS)}-{number:04}".upper(), title, dice.randrange(100, 99_999))
    skus = list(ada.shop.products)
    for _ in range(30):
        ada.shop.ordered(ADA, dice.sample(skus, 3))
    answer = await ada.get("/home")
    told = answer.json()
    assert (len(told["o"]), len(told["p"])) == (20, 20)
    assert len(gzip.compress(answer.content, 6)) <= BUDGET
    assert b"null" not in answer.content
    assert b": " not in answer.content


async def test_an_order_is_shown_with_its_lines(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"])
    told = (await ada.get(f"/orders/{order_id}")).json()
    assert told == {
        "i": order_id,
        "s": "CONFIRMED",
        "v": 2,
        "a": 2500,
        "c": "EUR",
        "q": 2,
        "t": BEGIN,
        "u": BEGIN + 2,
        "l": [{"k": "MUG-BLUE", "n": "Harbour Mug", "q": 2, "a": 1250}],
    }


async def test_an_order_that_is_cancelled_says_why(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    ada.shop.orders[order_id].cancel_requested = True
    ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CANCELLED, "CANCELLED_BY_CUSTOMER")
    told = (await ada.get(f"/orders/{order_id}")).json()
    assert (told["s"], told["r"], told["w"]) == ("CANCELLED", "CANCELLED_BY_CUSTOMER", True)


async def test_a_state_that_is_newer_than_the_code_is_told_as_its_number(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    ada.shop.moved(order_id, 99)  # type: ignore[arg-type]
    assert (await ada.get(f"/orders/{order_id}")).json()["s"] == "99"


@pytest.mark.parametrize("screen", ["home", "order"])
async def test_what_the_app_has_already_is_not_sent_again(ada: Mobile, screen: str) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    path = "/home" if screen == "home" else f"/orders/{order_id}"
    first = await ada.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    assert first.headers["cache-control"] == "private, no-cache"
    for told in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await ada.get(path, headers={"if-none-match": told})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "content-type" not in again.headers
    for told in ('"other"', tag.strip('W/"'), "", "W/"):
        assert (await ada.get(path, headers={"if-none-match": told})).status_code == 200
    ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CONFIRMED)
    changed = await ada.get(path, headers={"if-none-match": tag})
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)


@pytest.mark.parametrize(
    ("service", "field"), [("users", "me"), ("orders", "o"), ("products", "p")], ids=lambda one: str(one)
)
async def test_the_first_screen_comes_without_what_does_not_answer(
    ada: Mobile, service: str, field: str
) -> None:
    whole = (await ada.get("/home")).json()
    await ada.running.stop(service)
    told = (await ada.get("/home")).json()
    assert told == {name: value for name, value in whole.items() if name != field} | {"x": [service]}


async def test_the_first_screen_is_an_error_only_without_anybody(ada: Mobile) -> None:
    await ada.get("/home")
    for service in ("users", "orders", "products"):
        await ada.running.stop(service)
    answer = await ada.get("/home")
    assert (answer.status_code, answer.json()["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"


async def test_a_service_that_refuses_is_heard_on_the_first_screen(ada: Mobile) -> None:
    ada.shop.broken["ListOrders"] = Problem("unauthenticated", "TOKEN_EXPIRED", "sign in again")
    answer = await ada.get("/home")
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_EXPIRED")
