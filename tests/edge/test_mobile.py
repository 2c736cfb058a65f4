"""Apps through the public entry of the running suite: sign in, check out, follow, and see it all."""

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest

from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2
from tests.harness.customer import PASSWORD, Customer

pytestmark = pytest.mark.suite

SECONDS = 40.0
PREFIX = "/mobile/v1"
BUDGET = 4_096
CART = {"l": [{"k": "MUG-BLUE", "q": 1}, {"k": "TEA-GREEN", "q": 2}], "pay": "tok_approved"}
ORCHESTRATION, FULFIL = orders_pb2.COORDINATION_ORCHESTRATION, orders_pb2.FLOW_FULFIL


class Mobile:
    """An app on a telephone."""

    def __init__(self, suite: Suite) -> None:
        self.http = httpx.Client(base_url=f"http://{suite.address('edge')}{PREFIX}", timeout=SECONDS)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for a screen."""
        return self.http.get(path, headers={name.replace("_", "-"): told for name, told in headers.items()})

    def check_out(self, key: str, **more: Any) -> httpx.Response:
        """Place an order."""
        return self.http.post("/checkout", json=CART | more, headers={"idempotency-key": key})

    def watch(self, order_id: str, seen: int = 0) -> Iterator[dict[str, Any]]:
        """The entries of an order's history by events, to its end or to where the stream breaks."""
        headers = {"accept": "text/event-stream", "last-event-id": str(seen)}
        with self.http.stream("GET", f"/orders/{order_id}/events", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line.removeprefix("data: "))
                elif line == "event: end":
                    return

    def poll(self, order_id: str, recover: Callable[[], None] | None = None) -> Iterator[dict[str, Any]]:
        """The same by asking again and again; `recover` waits until who was away is back."""
        seen = 0
        while True:
            answer = self.http.get(f"/orders/{order_id}/events", params={"after": seen, "wait": 20})
            if answer.status_code == 503 and recover:
                recover()
                continue
            assert answer.status_code == 200, answer.text
            told = answer.json()
            yield from told["e"]
            seen = told["e"][-1]["v"] if told["e"] else seen
            if told.get("d"):
                return


@pytest.fixture
def mobile(suite: Suite, customer: Customer) -> Iterator[Mobile]:
    """A customer who has signed in."""
    found = Mobile(suite)
    told = found.http.post("/sign-in", json={"u": customer.username, "p": PASSWORD})
    assert told.status_code == 200, told.text
    found.http.headers["authorization"] = f"Bearer {told.json()['t']}"
    yield found
    found.http.close()


def history(customer: Customer, order_id: str) -> list[tuple[int, str]]:
    """What WatchOrder tells."""
    name = orders_pb2.OrderState.Name
    return [
        (entry.version, name(entry.state).removeprefix("ORDER_STATE_"))
        for entry in customer.history(order_id)
    ]


def short(told: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(entry["v"], entry["s"]) for entry in told]


def test_an_order_is_placed_followed_and_shown(mobile: Mobile, customer: Customer) -> None:
    answer = mobile.check_out(str(uuid.uuid4()))
    assert answer.status_code == 201, answer.text
    order_id = answer.json()["i"]
    told = list(mobile.watch(order_id))
    assert short(told) == short(list(mobile.poll(order_id))) == history(customer, order_id)
    assert (told[0]["s"], told[-1]["s"]) == ("PENDING", "CONFIRMED")
    assert list(mobile.watch(order_id, seen=1)) == told[1:]
    shown = mobile.get(f"/orders/{order_id}").json()
    assert (shown["s"], shown["v"], [line["k"] for line in shown["l"]]) == (
        "CONFIRMED",
        told[-1]["v"],
        ["MUG-BLUE", "TEA-GREEN"],
    )
    home = mobile.get("/home").json()
    assert home["me"]["u"] == customer.username
    assert [card["i"] for card in home["o"]] == [order_id]
    assert {"k", "n", "a", "c"} == set(home["p"][0])


def test_a_checkout_that_is_sent_again_is_one_order(mobile: Mobile, customer: Customer) -> None:
    key = str(uuid.uuid4())
    placed = [mobile.check_out(key) for _ in range(3)]
    assert [answer.status_code for answer in placed] == [201] * 3
    assert {answer.json()["i"] for answer in placed} == {order.order_id for order in customer.all_orders()}
    other = mobile.check_out(key, pay="tok_declined")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(customer.all_orders()) == 1


def test_a_refusal_has_the_services_reason(mobile: Mobile) -> None:
    unknown = mobile.check_out("1", l=[{"k": "NO-SUCH-THING", "q": 1}])
    assert (unknown.status_code, unknown.json()["code"]) == (409, "PRODUCT_NOT_FOUND")
    assert unknown.headers["content-type"] == "application/problem+json"


def test_the_first_screen_is_small_and_is_not_sent_twice(mobile: Mobile, customer: Customer) -> None:
    for _ in range(20):
        customer.place(coordination=orders_pb2.COORDINATION_CHOREOGRAPHY, wait=orders_pb2.WAIT_FINAL)
    first = mobile.get("/home")
    assert (len(first.json()["o"]), len(first.json()["p"])) == (20, 20)
    assert len(gzip.compress(first.content, 6)) <= BUDGET
    assert mobile.get("/home", if_none_match=first.headers["etag"]).status_code == 304


def test_a_stream_goes_on_while_orders_is_restarted(mobile: Mobile, suite: Suite, customer: Customer) -> None:
    order_id = customer.place(coordination=ORCHESTRATION, flow=FULFIL).order_id
    stream = mobile.watch(order_id)
    told = [next(stream)]
    suite.kill("orders")
    told += list(stream)
    suite.wait_ready("orders", SECONDS)
    assert short(told) == history(customer, order_id)
    assert told[-1]["s"] == "DELIVERED"


def test_who_follows_goes_on_behind_what_was_seen_when_the_backend_is_restarted(
    mobile: Mobile, suite: Suite, customer: Customer
) -> None:
    order_id = customer.place(coordination=ORCHESTRATION, flow=FULFIL).order_id
    told = [next(mobile.watch(order_id))]
    suite.kill("bff-mobile")
    suite.wait_ready("bff-mobile", SECONDS)
    told += list(mobile.watch(order_id, seen=told[-1]["v"]))
    assert short(told) == history(customer, order_id)


def test_polling_tells_the_same_while_the_backend_and_orders_are_restarted(
    mobile: Mobile, suite: Suite, customer: Customer
) -> None:
    order_id = customer.place(coordination=ORCHESTRATION, flow=FULFIL).order_id
    parts = ("orders", "bff-mobile")

    def recover() -> None:
        for part in parts:
            suite.wait_ready(part, SECONDS)

    polled = mobile.poll(order_id, recover)
    told = [next(polled)]
    for part in parts:
        suite.kill(part)
    told += list(polled)
    recover()
    assert short(told) == history(customer, order_id)


def test_a_foreign_order_is_not_shown(mobile: Mobile, edge: grpc.Channel) -> None:
    foreign = Customer.new(edge).place().order_id
    for path in (f"/orders/{foreign}", f"/orders/{foreign}/events", f"/orders/{uuid.uuid4()}"):
        answer = mobile.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS_DENIED")


def test_a_token_of_another_door_is_not_taken(mobile: Mobile, customer: Customer) -> None:
    token = dict(customer.metadata)["authorization"]
    assert mobile.get("/home", authorization=str(token)).status_code == 401
    assert mobile.get("/home", authorization="").status_code == 401


@pytest.mark.parametrize(
    "path", ["/mobile", "/mobile/", "/mobile/v1", "/mobile/v1/../../healthz", "/healthz", "/MOBILE/v1/home"]
)
def test_no_other_path_leads_to_the_screens_or_around_them(mobile: Mobile, path: str) -> None:
    request = mobile.http.build_request("GET", "/home")
    request.url = request.url.copy_with(raw_path=path.encode())
    assert mobile.http.send(request).status_code in (400, 404)
