"""REST at the public entry of the running suite: JSON that the services themselves answer."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mesh import rest
from ops.suite import Suite
from tests.harness.customer import Customer

pytestmark = pytest.mark.suite

SECONDS = 20.0
OWNED = [way for way in rest.ways() if "{order_id}" in way.template or "{user_id}" in way.template]


@pytest.fixture
def http(suite: Suite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=suite.urls["edge"], timeout=SECONDS) as client:
        yield client


def headers(customer: Customer) -> dict[str, str]:
    return {name: str(value) for name, value in customer.metadata}


def place(http: httpx.Client, customer: Customer, **more: Any) -> dict[str, Any]:
    body = {
        "request_id": str(uuid.uuid4()),
        "lines": [{"sku": "MUG-BLUE", "quantity": 1}],
        "payment_token": "tok_approved",
        "coordination": "COORDINATION_CHOREOGRAPHY",
        **more,
    }
    answer = http.post("/api/v1/orders", json=body, headers=headers(customer))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["order"]
    return found


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, reason, and who says it."""
    [info] = [each for each in answer.json()["details"] if each["@type"].endswith("ErrorInfo")]
    return answer.status_code, info["reason"], info["domain"]


def events(http: httpx.Client, customer: Customer, order_id: str) -> Iterator[dict[str, Any]]:
    """The order's history as server-sent events, until the server ends it."""
    path = f"/api/v1/orders/{order_id}:watch"
    asked = headers(customer) | {"accept": "text/event-stream"}
    with http.stream("GET", path, headers=asked) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        for line in stream.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))["status"]


def test_an_account_is_made_and_signed_in(http: httpx.Client) -> None:
    username = f"t{uuid.uuid4().hex[:20]}"
    account = {"request_id": str(uuid.uuid4()), "username": username, "email": f"{username}@example.com"}
    secret = {"password": "a-password-of-a-test"}
    made = http.post("/api/v1/users", json=account | secret | {"display_name": "A Test"}).json()["user"]
    token = http.post("/api/v1/users:signIn", json={"username": username} | secret).json()["token"]
    own = http.get(f"/api/v1/users/{made['user_id']}", headers={"authorization": f"Bearer {token}"})
    assert own.json()["user"] == made


def test_an_order_is_placed_read_and_listed(http: httpx.Client, customer: Customer) -> None:
    request_id = str(uuid.uuid4())
    order = place(http, customer, request_id=request_id, wait="WAIT_FINAL")
    assert order["state"] == "ORDER_STATE_CONFIRMED"
    assert order["total"]["currency_code"] == "EUR"
    read = http.get(f"/api/v1/orders/{order['order_id']}", headers=headers(customer)).json()["order"]
    assert read["order_id"] == order["order_id"]
    listed = http.get("/api/v1/orders?page_size=1", headers=headers(customer)).json()["orders"]
    assert listed == [read]
    assert place(http, customer, request_id=request_id, wait="WAIT_FINAL")["order_id"] == order["order_id"]


def test_an_order_is_watched_to_its_end(http: httpx.Client, customer: Customer) -> None:
    order = place(http, customer)
    seen = list(events(http, customer, order["order_id"]))
    assert [each["state"] for each in seen] == ["ORDER_STATE_PENDING", "ORDER_STATE_CONFIRMED"]
    assert [int(each["version"]) for each in seen] == [1, 2]


def test_a_refusal_is_that_of_the_service(http: httpx.Client, customer: Customer) -> None:
    order = place(http, customer, wait="WAIT_FINAL")
    body = {"request_id": str(uuid.uuid4())}
    late = http.post(f"/api/v1/orders/{order['order_id']}:cancel", json=body, headers=headers(customer))
    assert refusal(late) == (400, "ORDER_NOT_CANCELLABLE", "orders.ordermesh")
    nobody = http.get("/api/v1/orders")
    assert refusal(nobody) == (401, "TOKEN_MISSING", "orders.ordermesh")


@pytest.mark.parametrize("way", OWNED, ids=[f"{way.verb} {way.template}" for way in OWNED])
def test_what_is_another_s_looks_like_what_is_not_there(
    http: httpx.Client, edge: Any, customer: Customer, way: rest.Way
) -> None:
    # one that has a shipment
    long = {"coordination": "COORDINATION_ORCHESTRATION", "flow": "FLOW_FULFIL"}
    order = place(http, customer, wait="WAIT_FINAL", **long)
    owned = {"order_id": order["order_id"], "user_id": customer.user_id}
    unknown = dict.fromkeys(owned, str(uuid.uuid4()))
    stranger = Customer.new(edge)

    def ask(who: Customer, ids: dict[str, str]) -> httpx.Response:
        path = re.sub(r"\{([a-z_]+)\}", lambda found: ids[found[1]], way.template)
        body = {"json": {"request_id": str(uuid.uuid4())}} if way.verb == "POST" else {}
        return http.request(way.verb, path, headers=headers(who), **body)  # type: ignore[arg-type]

    said = [ask(stranger, ids) for ids in (owned, unknown)]
    assert {answer.status_code for answer in said} == {403}
    foreign, missing = (refusal(answer) for answer in said)
    assert foreign == missing
    assert foreign[1] == "ACCESS_DENIED"
    assert ask(customer, owned).status_code != 403
