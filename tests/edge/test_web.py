"""The web's graph through the public entry of the running suite: sign in, order, watch, and see it all."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ops.suite import Suite
from tests.harness.customer import Customer

pytestmark = pytest.mark.suite

SECONDS = 30.0
PATH = "/web/graphql"
PLACE = """
mutation($input: PlaceOrderInput!) {
  placeOrder(input: $input) { ... on OrderPlaced { order { id state } } ... on Refusal { reason } }
}
"""
EVERYTHING = """
{ me { username orders(first: 10) { edges { node {
  id state total { amount } lines { sku product { title } } payment { state } shipment { state }
  timeline { version state }
} } } } }
"""


class Web:
    """A browser without pages."""

    def __init__(self, suite: Suite) -> None:
        self.http = httpx.Client(base_url=f"http://{suite.address('edge')}", timeout=SECONDS)

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = self.http.post(PATH, json={"query": query, "variables": variables})
        body = answer.json()
        assert (answer.status_code, body.get("errors")) == (200, None), body
        return body["data"]

    def place(self, **more: Any) -> str:
        """Place an order that others carry; its id."""
        lines = [{"sku": "MUG-BLUE", "quantity": 1}, {"sku": "TEA-GREEN", "quantity": 2}]
        asked = {"requestId": str(uuid.uuid4()), "lines": lines, "paymentToken": "tok_approved"}
        placed = self.ask(PLACE, input=asked | {"coordination": "CHOREOGRAPHY"} | more)
        return str(placed["placeOrder"]["order"]["id"])

    def watch(self, order_id: str, seen: int = 0) -> Iterator[dict[str, Any]]:
        """The statuses of an order, until it ends."""
        query = f'subscription {{ orderStatus(orderId: "{order_id}") {{ version state }} }}'
        headers = {"accept": "text/event-stream", "last-event-id": str(seen)}
        with self.http.stream("POST", PATH, json={"query": query}, headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line.removeprefix("data: "))["data"]["orderStatus"]
                elif line == "event: complete":
                    return


@pytest.fixture
def web(suite: Suite, customer: Customer) -> Iterator[Web]:
    """A customer who has signed in."""
    found = Web(suite)
    query = """mutation($input: SignInInput!) { signIn(input: $input) { ... on SignedIn { token } } }"""
    account = {"username": customer.username, "password": "a-password-of-a-test"}
    token = found.ask(query, input=account)["signIn"]["token"]
    found.http.headers["authorization"] = f"Bearer {token}"
    yield found
    found.http.close()


def test_an_order_is_placed_watched_and_shown_with_all_that_belongs_to_it(
    web: Web, customer: Customer
) -> None:
    order_id = web.place()
    told = list(web.watch(order_id))
    assert [status["version"] for status in told] == list(range(1, len(told) + 1))
    assert (told[0]["state"], told[-1]["state"]) == ("PENDING", "CONFIRMED")
    assert list(web.watch(order_id, seen=1)) == told[1:]
    assert told == [
        {"version": status.version, "state": state_of(status.state)} for status in customer.history(order_id)
    ]
    me = web.ask(EVERYTHING)["me"]
    assert me["username"] == customer.username
    (node,) = (edge["node"] for edge in me["orders"]["edges"])
    assert (node["id"], node["state"], node["timeline"]) == (order_id, "CONFIRMED", told)
    assert [line["sku"] for line in node["lines"]] == ["MUG-BLUE", "TEA-GREEN"]
    assert all(line["product"]["title"] for line in node["lines"])
    assert (node["payment"], node["shipment"]) == ({"state": "CHARGED"}, None)


def state_of(state: Any) -> str:
    from ordermesh.orders.v1 import orders_pb2

    return orders_pb2.OrderState.Name(state).removeprefix("ORDER_STATE_")


def test_the_long_flow_has_a_shipment(web: Web) -> None:
    order_id = web.place(coordination="ORCHESTRATION", flow="FULFIL")
    assert list(web.watch(order_id))[-1]["state"] == "DELIVERED"
    (edge,) = web.ask(EVERYTHING)["me"]["orders"]["edges"]
    assert (edge["node"]["payment"], edge["node"]["shipment"]) == (
        {"state": "CHARGED"},
        {"state": "DELIVERED"},
    )


def test_a_stream_goes_on_while_orders_is_restarted(web: Web, suite: Suite) -> None:
    order_id = web.place(coordination="ORCHESTRATION", flow="FULFIL")
    told = web.watch(order_id)
    seen = [next(told)["version"]]
    suite.kill("orders")
    seen += [status["version"] for status in told]
    assert seen == list(range(1, len(seen) + 1))
    suite.wait_ready("orders", SECONDS)


def test_a_foreign_order_is_not_shown(web: Web, suite: Suite, edge: Any) -> None:
    stranger = Customer.new(edge)
    foreign = stranger.place().order_id
    query = f'{{ order(id: "{foreign}") {{ id }} me {{ username }} }}'
    body = web.http.post(PATH, json={"query": query}).json()
    assert (body["data"]["order"], body["errors"][0]["extensions"]["code"]) == (None, "FORBIDDEN")
    assert body["data"]["me"]


@pytest.mark.parametrize(
    "path", ["/web", "/web/", "/web/nothing", "/healthz", "/web/../healthz", "/WEB/graphql"]
)
def test_no_other_path_leads_to_the_graph_or_around_it(web: Web, suite: Suite, path: str) -> None:
    request = web.http.build_request("GET", PATH)
    request.url = request.url.copy_with(raw_path=path.encode())
    assert web.http.send(request).status_code in (400, 404)


def test_a_page_of_an_origin_that_may_call_is_told_so(web: Web) -> None:
    headers = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,last-event-id",
    }
    answer = web.http.options(PATH, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "last-event-id" in answer.headers["access-control-allow-headers"]
