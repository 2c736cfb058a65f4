"""The partners' API through the public entry of the running suite: from credentials to a signed webhook."""

import io
import json
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import grpc
import httpx
import pytest
import uvicorn
from rich.console import Console

from bff.partner import documents
from ops import client, partner_client
from ops.suite import Suite
from ops.webhook_sink import Behaviour, sink
from tests.harness.breaking import wait_for
from tests.harness.customer import Customer

pytestmark = pytest.mark.suite

SECONDS = 30.0
ALL = partner_client.SCOPES.split(",")
ORDER: dict[str, Any] = {
    "lines": [{"sku": "MUG-BLUE", "quantity": 1}],
    "payment_token": "tok_approved",
}


class Partner:
    """A program of a partner's, which acts for a customer."""

    def __init__(self, suite: Suite, operator: grpc.Channel, customer: Customer, scopes: list[str]) -> None:
        made = partner_client.register(operator, customer.user_id, "A test", scopes)
        self.http = httpx.Client(base_url=f"http://{suite.address('edge')}", timeout=SECONDS)
        answer = self.http.post(
            documents.TOKEN_PATH,
            data={"grant_type": "client_credentials"},
            auth=(made.client_id, made.secret),
        )
        assert answer.status_code == 200, answer.text
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str) -> Any:
        """What is read."""
        answer = self.http.get(f"/partner{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, key: str = "") -> httpx.Response:
        """One POST, with a key."""
        headers = {"idempotency-key": f'"{key or uuid.uuid4()}"'}
        return self.http.post(f"/partner{path}", json=body, headers=headers)

    def made(self, path: str, body: Any = None) -> Any:
        """What a POST has done."""
        answer = self.post(path, body)
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture
def partner(suite: Suite, operator: grpc.Channel, customer: Customer) -> Iterator[Partner]:
    """A program with all scopes."""
    found = Partner(suite, operator, customer, ALL)
    yield found
    found.http.close()


@contextmanager
def receiving(listener: socket.socket, secret: str) -> Iterator[io.StringIO]:
    """The receiver of `make webhook-sink`, which knows the secret; what it prints."""
    printed = io.StringIO()
    application = sink(Behaviour((secret,)), Console(file=printed, width=400, highlight=False))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off"))
    serving = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    serving.start()
    try:
        yield printed
    finally:
        server.should_exit = True
        serving.join(SECONDS)


def test_a_partner_hears_of_a_confirmed_order_by_a_webhook_whose_signature_holds(
    partner: Partner, customer: Customer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        hook = partner.made("/v1/webhooks", {"url": url, "event_types": ["order.confirmed"]})
        with receiving(listener, hook["secret"]) as printed:
            assert partner.made(f"/v1/webhooks/{hook['id']}/verify")["state"] == "ACTIVE"
            order = partner.made("/v1/orders", ORDER)
            assert order["state"] == "PENDING"
            wait_for(lambda: order["id"] in printed.getvalue(), "the webhook")
    (line,) = [line for line in printed.getvalue().splitlines() if order["id"] in line]
    assert line.startswith(f"order.confirmed  {order['id']} 2 CONFIRMED")
    assert line.endswith("signature good")
    (sent,) = partner.get(f"/v1/webhooks/{hook['id']}/deliveries")["data"]
    assert (sent["event_type"], sent["order_id"], sent["version"]) == ("order.confirmed", order["id"], 2)
    assert sent["event_id"] in line
    assert partner.http.delete(f"/partner/v1/webhooks/{hook['id']}").status_code == 204


def test_polling_and_watching_tell_one_history(partner: Partner, customer: Customer) -> None:
    order_id = partner.made("/v1/orders", ORDER)["id"]
    watched = customer.history(order_id)
    polled = partner.get(f"/v1/orders/{order_id}/events")
    assert [event["version"] for event in polled["events"]] == [status.version for status in watched]
    assert [event["state"] for event in polled["events"]] == ["PENDING", "CONFIRMED"]
    later = partner.get(f"/v1/orders/{order_id}/events?after_version=1")
    assert (later["events"], later["version"]) == (polled["events"][1:], 2)


def test_both_versions_show_the_same_order_and_one_says_that_it_is_deprecated(partner: Partner) -> None:
    order_id = partner.made("/v1/orders", ORDER)["id"]
    old = partner.http.get(f"/partner/v1/orders/{order_id}")
    new = partner.http.get(f"/partner/v2/orders/{order_id}")
    assert old.json()["total"] == round(100 * float(new.json()["total"]["amount"]))
    assert "deprecation" in old.headers and "deprecation" not in new.headers
    assert "sunset" in old.headers and f"/partner/v2/orders/{order_id}" in old.headers["link"]


def test_a_repeat_is_the_same_order_and_another_content_is_none(partner: Partner, customer: Customer) -> None:
    key = str(uuid.uuid4())
    first, again = partner.post("/v1/orders", ORDER, key), partner.post("/v1/orders", ORDER, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    other = partner.post("/v1/orders", ORDER | {"payment_token": "tok_declined"}, key)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(customer.all_orders()) == 1


def test_many_repeats_at_once_are_one_order(partner: Partner, customer: Customer) -> None:
    key, answers = str(uuid.uuid4()), list[httpx.Response]()
    threads = [
        threading.Thread(target=lambda: answers.append(partner.post("/v1/orders", ORDER, key)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert {answer.status_code for answer in answers} <= {201, 409}
    (order,) = customer.all_orders()
    assert {answer.json()["id"] for answer in answers if answer.is_success} == {order.order_id}


def test_a_foreign_order_is_neither_shown_nor_cancelled(partner: Partner, edge: grpc.Channel) -> None:
    foreign = Customer.new(edge).place().order_id
    answers = [
        partner.http.get(f"/partner/v1/orders/{foreign}"),
        partner.http.get(f"/partner/v2/orders/{foreign}"),
        partner.http.get(f"/partner/v1/orders/{foreign}/events"),
        partner.post(f"/v1/orders/{foreign}/cancel"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "ACCESS_DENIED")] * 4


def test_a_token_does_what_its_scopes_say(suite: Suite, operator: grpc.Channel, customer: Customer) -> None:
    reader = Partner(suite, operator, customer, ["orders:read"])
    with closing(reader.http):
        assert reader.get("/v1/orders")["data"] == []
        refused = reader.post("/v1/orders", ORDER)
    assert (refused.status_code, refused.json()["code"]) == (403, "INSUFFICIENT_SCOPE")
    assert 'scope="orders:write"' in refused.headers["www-authenticate"]


def test_tokens_open_their_own_doors_only(partner: Partner, suite: Suite) -> None:
    assert partner.http.get("/api/v1/orders").status_code == 401
    assert partner.http.post("/web/graphql", json={"query": "{ me { username } }"}).status_code == 401
    with client.edge(suite) as channel:
        for kind in ("api", "web", "mobile"):
            headers = {"authorization": f"Bearer {client.sign_in(channel, 'ada', kind)}"}
            answer = partner.http.get("/partner/v1/orders", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")


def test_a_wrong_secret_is_refused_in_the_words_of_the_rfc(partner: Partner) -> None:
    del partner.http.headers["authorization"]
    answer = partner.http.post(
        documents.TOKEN_PATH, data={"grant_type": "client_credentials"}, auth=("nobody", "wrong")
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_documents_are_served_as_they_are_committed(partner: Partner, version: str) -> None:
    (committed,) = (path for path in documents.files() if path.stem.endswith(version))
    assert partner.get(f"/{version}/openapi.json") == json.loads(committed.read_text())


@pytest.mark.parametrize(
    "path",
    [
        "/partner",
        "/partner/",
        "/partner/v1",
        "/partner/v1/../../healthz",
        "/PARTNER/v1/orders",
        "/partner/v1%2Forders",
    ],
)
def test_no_other_path_leads_to_the_api_or_around_it(partner: Partner, path: str) -> None:
    request = partner.http.build_request("GET", "/partner/v1/orders")
    request.url = request.url.copy_with(raw_path=path.encode())
    assert partner.http.send(request).status_code in (400, 404)


def test_a_body_beyond_the_limit_is_refused_at_the_edge_or_behind_it(partner: Partner) -> None:
    answer = partner.http.post(
        "/partner/v1/orders", content=b" " * 100_000, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
