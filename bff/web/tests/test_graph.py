"""The graph: what belongs together in one query, by one call to each service; what stays when one fails."""

from __future__ import annotations

import uuid

import pytest

from bff.web.tests.client import Web
from bff.web.tests.shop import ADA, BOB, OLGA
from kit.errors import Problem

EVERYTHING = """
query($first: PageSize!, $after: String) {
  me {
    username
    orders(first: $first, after: $after) {
      edges {
        cursor
        node {
          id state total { amount currencyCode }
          customer { username }
          lines { sku quantity product { title price { amount } } }
          payment { state amount { amount } }
          shipment { state }
          timeline { version state }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
ONCE_EACH = {
    "BatchGetUsers": 2,  # who asks; who has placed the orders, known only when they are
    "ListOrders": 1,
    "BatchGetProducts": 1,
    "BatchGetPayments": 1,
    "BatchGetShipments": 1,
    "BatchGetHistories": 1,
}


@pytest.mark.parametrize("count", [1, 2, 10])
async def test_the_whole_graph_takes_one_call_each_however_many_orders_there_are(
    ada: Web, count: int
) -> None:
    skus = ["MUG-BLUE", "TEA-GREEN", "CLOCK-WALL"]
    placed = [ada.shop.ordered(ADA, skus[: 1 + n % 3], shipped=n % 2 == 0) for n in range(count)]
    ada.shop.ordered(BOB, ["MUG-BLUE"])
    data = (await ada.ask(EVERYTHING, {"first": 10})).data
    nodes = [edge["node"] for edge in data["me"]["orders"]["edges"]]
    assert [node["id"] for node in nodes] == placed[::-1]
    for node in nodes:
        assert node["customer"]["username"] == "ada"
        assert [line["product"]["title"] for line in node["lines"]] == [
            sku.title() for sku in skus[: len(node["lines"])]
        ]
        assert node["payment"] == {"state": "CHARGED", "amount": {"amount": node["total"]["amount"]}}
        assert [status["state"] for status in node["timeline"]] == ["PENDING", "CONFIRMED"]
    assert nodes[-1]["shipment"] == {"state": "IN_TRANSIT"}
    assert dict(ada.shop.calls) == ONCE_EACH | {"BatchGetUsers": 1}


async def test_an_operator_sees_every_order_with_its_customer(ada: Web) -> None:
    for owner in (ADA, BOB):
        ada.shop.ordered(owner, ["MUG-BLUE"])
    data = (await ada.ask(EVERYTHING, {"first": 10}, user=OLGA, role="operator")).data
    customers = {edge["node"]["customer"]["username"] for edge in data["me"]["orders"]["edges"]}
    assert customers == {"ada", "bob"}
    assert dict(ada.shop.calls) == ONCE_EACH


async def test_pages_follow_each_other_by_their_cursors(ada: Web) -> None:
    placed = [ada.shop.ordered(ADA, ["MUG-BLUE"]) for _ in range(5)]
    seen: list[str] = []
    after: str | None = None
    for more in (True, True, False):
        page = (await ada.ask(EVERYTHING, {"first": 2, "after": after})).data["me"]["orders"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        assert page["edges"][-1]["cursor"] == after
        assert (page["pageInfo"]["hasNextPage"], after is not None) == (more, more)
    assert seen == placed[::-1]


async def test_a_cursor_that_is_none_is_named(ada: Web) -> None:
    answer = await ada.ask(EVERYTHING, {"first": 2, "after": "nonsense"})
    assert (answer.status, answer.codes) == (200, ["BAD_USER_INPUT"])
    assert answer.body["errors"][0]["extensions"]["reason"] == "PAGE_TOKEN_INVALID"
    assert answer.body["data"]["me"]["orders"] is None


async def test_the_catalogue_is_for_everybody(ada: Web) -> None:
    query = """{
      product(sku: "MUG-BLUE") { sku }
      none: product(sku: "NONE") { sku }
      products(first: 2) { nodes { sku } }
    }"""
    data = (await ada.ask(query, user=None)).data
    assert data == {
        "product": {"sku": "MUG-BLUE"},
        "none": None,
        "products": {"nodes": [{"sku": "CLOCK-WALL"}, {"sku": "MUG-BLUE"}]},
    }


async def test_a_product_that_is_sold_no_more_takes_nothing_else_with_it(ada: Web) -> None:
    ada.shop.ordered(ADA, ["MUG-BLUE", "TEA-GREEN"])
    del ada.shop.products["TEA-GREEN"]
    data = (await ada.ask(EVERYTHING, {"first": 1})).data
    lines = data["me"]["orders"]["edges"][0]["node"]["lines"]
    assert [line["product"] and line["product"]["title"] for line in lines] == ["Mug-Blue", None]


async def test_what_is_not_there_yet_is_null_and_no_error(ada: Web) -> None:
    ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    node = (await ada.ask(EVERYTHING, {"first": 1})).data["me"]["orders"]["edges"][0]["node"]
    assert (node["payment"], node["shipment"], len(node["timeline"])) == (None, None, 1)


@pytest.mark.parametrize(
    ("service", "field"),
    [("payments", "payment"), ("shipping", "shipment"), ("products", "lines")],
)
async def test_with_one_service_away_the_rest_is_answered(ada: Web, service: str, field: str) -> None:
    ada.shop.ordered(ADA, ["MUG-BLUE"], shipped=True)
    await ada.ask(EVERYTHING, {"first": 1})  # whoever stays is connected, however busy the machine is
    await ada.running.stop(service)
    answer = await ada.ask(EVERYTHING, {"first": 1})
    assert (answer.status, answer.codes) == (200, ["UPSTREAM_UNAVAILABLE"])
    (error,) = answer.body["errors"]
    assert error["path"][:5] == ["me", "orders", "edges", 0, "node"]
    assert field in error["path"]
    assert (error["extensions"]["retryable"], error["extensions"]["dependency"]) == (True, service)
    node = answer.body["data"]["me"]["orders"]["edges"][0]["node"]
    assert node["timeline"][-1]["state"] == "CONFIRMED"
    await ada.running.start(service)
    assert (await ada.ask(EVERYTHING, {"first": 1})).data["me"]["orders"]["edges"][0]["node"]["payment"]


async def test_who_is_not_signed_in_still_sees_what_is_for_everybody(ada: Web) -> None:
    query = '{ me { username } product(sku: "MUG-BLUE") { sku } }'
    for token, reason in (("", "TOKEN_MISSING"), ("Bearer nonsense", "TOKEN_INVALID")):
        answer = await ada.http.post(
            "/web/graphql", json={"query": query}, headers={"authorization": token} if token else {}
        )
        body = answer.json()
        assert (answer.status_code, body["data"]) == (200, {"me": None, "product": {"sku": "MUG-BLUE"}})
        (error,) = body["errors"]
        assert (error["path"], error["extensions"]["code"]) == (["me"], "UNAUTHENTICATED")
        assert error["extensions"]["reason"] == reason


async def test_a_bug_tells_nothing_but_where_the_log_has_it(ada: Web) -> None:
    ada.shop.orders["nonsense"] = (
        next(iter(ada.shop.orders.values()), None) or ada.shop.orders[ada.shop.ordered(ADA, ["MUG-BLUE"])]
    )
    for order in ada.shop.orders.values():
        order.order_id = "this is no id, and a secret"
    answer = await ada.ask("{ me { username orders(first: 2) { nodes { id } } } }")
    assert (answer.status, answer.codes) == (200, ["INTERNAL"])
    assert "secret" not in str(answer.body)
    assert answer.body["data"]["me"] == {"username": "ada", "orders": None}
    assert len(answer.body["errors"][0]["extensions"]["traceId"]) == 32


async def test_an_answer_that_does_not_come_in_time_is_said_so(ada: Web) -> None:
    ada.shop.broken["ListOrders"] = Problem("too_late", "DEADLINE_EXCEEDED", "too late")
    answer = await ada.ask("{ me { orders(first: 2) { nodes { id } } } }")
    assert answer.codes == ["UPSTREAM_UNAVAILABLE"]
    assert answer.body["errors"][0]["extensions"]["retryable"]


async def test_an_order_that_is_foreign_or_unknown_is_forbidden_and_its_siblings_stay(ada: Web) -> None:
    mine, foreign = ada.shop.ordered(ADA, ["MUG-BLUE"]), ada.shop.ordered(BOB, ["MUG-BLUE"])
    query = """query($a: UUID!, $b: UUID!, $c: UUID!) {
      a: order(id: $a) { id }
      b: order(id: $b) { id }
      c: order(id: $c) { id }
    }"""
    answer = await ada.ask(query, {"a": mine, "b": foreign, "c": str(uuid.uuid4())})
    assert answer.body["data"] == {"a": {"id": mine}, "b": None, "c": None}
    assert answer.codes == ["FORBIDDEN"] * 2
    said = [{**error, "path": 0, "locations": 0} for error in answer.body["errors"]]
    assert said[0] == said[1]
