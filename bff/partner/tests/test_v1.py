"""What partners do by v1: the catalogue, orders, webhooks."""

from __future__ import annotations

import uuid

import pytest

from bff.partner.tests.client import HOOK, ORDER, Partner, refused
from bff.partner.tests.shop import ADA
from ordermesh.orders.v1 import orders_pb2


async def test_the_catalogue_is_read_page_by_page(ada: Partner) -> None:
    first = await ada.ask("GET", "/v1/products?limit=2")
    assert [product["sku"] for product in first.json()["data"]] == ["CLOCK-WALL", "MUG-BLUE"]
    assert (first.json()["data"][0]["price"], first.json()["data"][0]["currency"]) == (1250, "EUR")
    link, _, rel = first.headers["link"].partition("; ")
    assert rel == 'rel="next"'
    second = await ada.ask("GET", link.strip("<>").removeprefix("/partner"))
    assert [product["sku"] for product in second.json()["data"]] == ["TEA-GREEN"]
    assert (second.json()["next_cursor"], "link" in second.headers) == (None, False)


async def test_a_product_is_read_by_its_sku(ada: Partner) -> None:
    assert (await ada.ask("GET", "/v1/products/MUG-BLUE")).json()["sku"] == "MUG-BLUE"
    assert refused(await ada.ask("GET", "/v1/products/NO-SUCH")) == (404, "PRODUCT_NOT_FOUND")


async def test_an_order_is_placed_read_and_cancelled(ada: Partner) -> None:
    placed = await ada.ask("POST", "/v1/orders", json=ORDER)
    order = placed.json()
    assert (placed.status_code, order["state"], order["total"]) == (201, "PENDING", 2500)
    where = placed.headers["location"].removeprefix("/partner")
    assert where == f"/v1/orders/{order['id']}"
    assert (await ada.ask("GET", where)).json() == order
    assert (await ada.ask("GET", "/v1/orders")).json() == {"data": [order], "next_cursor": None}
    cancelled = await ada.ask("POST", f"{where}/cancel")
    assert (cancelled.json()["state"], cancelled.json()["reason"]) == ("CANCELLED", "CANCELLED_BY_CUSTOMER")


async def test_an_order_that_is_paid_is_not_cancelled(ada: Partner) -> None:
    order_id = ada.shop.ordered(ADA, {"MUG-BLUE": 1})
    ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CONFIRMED)
    answer = await ada.ask("POST", f"/v1/orders/{order_id}/cancel")
    assert refused(answer) == (409, "ORDER_NOT_CANCELLABLE")
    assert answer.json()["details"] == {"state": "CONFIRMED"}


async def test_the_history_of_an_order_is_polled_behind_a_version(ada: Partner) -> None:
    order_id = ada.shop.ordered(ADA, {"MUG-BLUE": 1})
    where = f"/v1/orders/{order_id}/events"
    first = (await ada.ask("GET", where)).json()
    assert [(event["version"], event["state"]) for event in first["events"]] == [(1, "PENDING")]
    assert (await ada.ask("GET", f"{where}?after_version=1")).json() == {"events": [], "version": 1}
    ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CONFIRMED)
    later = (await ada.ask("GET", f"{where}?after_version={first['version']}")).json()
    assert [(event["version"], event["state"]) for event in later["events"]] == [(2, "CONFIRMED")]


async def test_a_webhook_is_registered_verified_and_removed(ada: Partner) -> None:
    made = await ada.ask("POST", "/v1/webhooks", json=HOOK)
    hook = made.json()
    assert (made.status_code, hook["state"], hook["secret"][:6]) == (201, "UNVERIFIED", "whsec_")
    assert made.headers["cache-control"] == "no-store"
    where = made.headers["location"].removeprefix("/partner")
    shown = (await ada.ask("GET", where)).json()
    assert shown == {name: value for name, value in hook.items() if name != "secret"}
    assert (await ada.ask("GET", "/v1/webhooks")).json()["data"] == [shown]
    assert (await ada.ask("POST", f"{where}/verify")).json()["state"] == "ACTIVE"
    assert (await ada.ask("POST", f"{where}/rotate-secret")).json()["secret"] == "whsec_bmV3"
    assert (await ada.ask("DELETE", where)).status_code == 204
    assert (await ada.ask("DELETE", where)).status_code == 204, "nothing is left to be removed"
    assert refused(await ada.ask("GET", where)) == (403, "ACCESS_DENIED")


async def test_a_delivery_is_sent_again_to_an_endpoint_that_is_active(ada: Partner) -> None:
    where = f"/v1/webhooks/{ada.shop.registered(ADA, HOOK['url'], ['order.confirmed'])}"
    (sent,) = (await ada.ask("GET", f"{where}/deliveries")).json()["data"]
    assert (sent["state"], sent["status_code"], sent["attempts"]) == ("FAILED", 500, 10)
    again = f"{where}/deliveries/{sent['id']}/redeliver"
    assert refused(await ada.ask("POST", again)) == (409, "WEBHOOK_ENDPOINT_NOT_ACTIVE")
    await ada.ask("POST", f"{where}/verify")
    answer = await ada.ask("POST", again)
    assert (answer.status_code, answer.json()["state"]) == (202, "PENDING")


async def test_an_endpoint_that_cannot_be_taken_is_refused_with_the_cause(ada: Partner) -> None:
    answer = await ada.ask("POST", "/v1/webhooks", json=HOOK | {"url": "http://shop.example/"})
    assert refused(answer) == (422, "WEBHOOK_URL_REJECTED")
    assert answer.json()["details"] == {"cause": "NOT_HTTPS"}
    where = f"/v1/webhooks/{ada.shop.registered(ADA, 'https://shop.example/gone', ['order.confirmed'])}"
    answer = await ada.ask("POST", f"{where}/verify")
    assert refused(answer) == (409, "WEBHOOK_NOT_VERIFIED")
    assert answer.json()["details"] == {"cause": "HTTP_410", "status_code": "410"}


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/orders/{}"])
async def test_what_v2_replaces_says_so_until_when_and_by_what(ada: Partner, path: str) -> None:
    path = path.format(ada.shop.ordered(ADA, {"MUG-BLUE": 1}))
    headers = (await ada.ask("GET", path)).headers
    assert headers["deprecation"] == "@1793491200"
    assert headers["sunset"] == "Mon, 01 Nov 2027 00:00:00 GMT"
    successor = f"/partner{path.replace('v1', 'v2')}"
    assert headers["link"] == f'<{successor}>; rel="successor-version"'
    answer = await ada.ask("GET", successor.removeprefix("/partner"))
    assert (answer.status_code, "deprecation" in answer.headers) == (200, False)


async def test_a_list_that_is_replaced_has_a_next_page_all_the_same(ada: Partner) -> None:
    for _ in range(2):
        ada.shop.ordered(ADA, {"MUG-BLUE": 1})
    links = (await ada.ask("GET", "/v1/orders?limit=1")).headers.get_list("link")
    assert [link.partition("; ")[2] for link in links] == ['rel="next"', 'rel="successor-version"']


async def test_what_is_not_replaced_is_not_deprecated(ada: Partner) -> None:
    for answer in (await ada.ask("GET", "/v1/products"), await ada.ask("POST", "/v1/orders", json=ORDER)):
        assert not {"deprecation", "sunset"} & set(answer.headers)
    assert uuid.UUID(answer.json()["id"])
