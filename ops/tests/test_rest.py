"""REST at the public entry: a real Envoy takes JSON for the RPC that is meant, and says errors in JSON."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf import descriptor_pool

from kit.errors import Problem
from mesh import rest
from ops.site import Site
from ops.tests.listening import TRACE, Backend, Edge, edge
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2

pytestmark = pytest.mark.processes

ORDER = str(uuid.UUID(int=7))
JSON = {"content-type": "application/json"}
GET_ORDER = "/ordermesh.orders.v1.OrdersService/GetOrder"


@pytest.fixture
async def public(site: Site) -> AsyncIterator[Edge]:
    async with edge(site) as running:
        yield running


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """The HTTP status and the reason of an error under /api/v1, which is a google.rpc.Status of one form."""
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert sorted(said) == ["code", "details", "message"]
    kinds = {each["@type"].rsplit(".", 1)[-1]: each for each in said["details"]}
    assert re.fullmatch("[0-9a-f]{32}", kinds["RequestInfo"]["request_id"])
    assert kinds["ErrorInfo"]["domain"] in ("edge.ordermesh", "orders.ordermesh")
    assert grpc.StatusCode.OK.value[0] < said["code"] <= grpc.StatusCode.UNAUTHENTICATED.value[0]
    return answer.status_code, kinds["ErrorInfo"]["reason"]


async def test_each_way_in_leads_to_its_rpc_with_what_the_path_says(public: Edge) -> None:
    for way in rest.ways():
        public.backend.events.put_nowait(None)
        path = re.sub(r"\{([a-z_]+)\}", r"the-\1", way.template)
        content: dict[str, Any] = {"content": "{}", "headers": JSON} if way.verb == "POST" else {}
        answer, heard = await public.call(way.verb, path, **content)
        assert heard is not None, (way, answer.text)
        assert (answer.status_code, heard.method) == (200, way.rpc)
        for name in re.findall(r"\{([a-z_]+)\}", way.template):
            assert getattr(heard.request, name) == f"the-{name}"


async def test_a_body_and_parameters_become_the_request(public: Edge) -> None:
    lines = [{"sku": "MUG-BLUE", "quantity": 2}]
    body = {"request_id": ORDER, "lines": lines, "coordination": "COORDINATION_SYNC", "wait": "WAIT_FINAL"}
    _, heard = await public.call("POST", "/api/v1/orders", json=body)
    assert heard is not None
    assert heard.request == orders_service_pb2.PlaceOrderRequest(
        request_id=ORDER,
        lines=[orders_service_pb2.PlaceOrderLine(sku="MUG-BLUE", quantity=2)],
        coordination=orders_pb2.COORDINATION_SYNC,
        wait=orders_pb2.WAIT_FINAL,
    )
    _, heard = await public.call("GET", "/api/v1/products?query=blue%20mug&page_size=3")
    assert heard is not None
    assert (heard.request.query, heard.request.page_size) == ("blue mug", 3)
    _, heard = await public.call("GET", "/api/v1/products:batchGet?skus=A&skus=B")
    assert heard is not None
    assert heard.request.skus == ["A", "B"]


async def test_an_answer_has_names_of_the_proto_and_its_empty_values_too(public: Edge) -> None:
    order = orders_pb2.Order(order_id=ORDER, state=orders_pb2.ORDER_STATE_PENDING, version=2**53 + 1)
    public.backend.answers["GetOrder"] = orders_service_pb2.GetOrderResponse(order=order)
    answer, _ = await public.call("GET", f"/api/v1/orders/{ORDER}")
    said = answer.json()["order"]
    assert (said["order_id"], said["state"], said["version"]) == (
        ORDER,
        "ORDER_STATE_PENDING",
        f"{2**53 + 1}",
    )
    assert (said["cancel_requested"], said["reason"], said["lines"]) == (False, "", [])


async def test_the_token_and_the_deadline_pass_and_what_a_client_says_of_itself_does_not(
    public: Edge,
) -> None:
    names = ("entry", "caller")
    forged = {f"x-ordermesh-{name}": "orders" for name in names} | {"x-envoy-original-path": "/api/v1/x"}
    steering = {"x-envoy-max-retries": "9", "x-envoy-upstream-rq-timeout-ms": "1"}
    token = public.http.headers["authorization"]
    sent = {"grpc-timeout": "3S", **forged, **steering}
    _, heard = await public.call("GET", f"/api/v1/orders/{ORDER}", headers=sent)
    assert heard is not None
    assert (heard.metadata["authorization"], heard.metadata["x-ordermesh-entry"]) == (token, "edge")
    assert heard.metadata["x-envoy-original-path"] == f"/api/v1/orders/{ORDER}"
    gone = {"x-ordermesh-caller", "x-envoy-internal", *steering}
    assert not gone & set(heard.metadata)


async def test_a_call_without_a_trace_gets_one_and_its_error_names_it(public: Edge) -> None:
    _, heard = await public.call("GET", "/api/v1/products")
    assert heard is not None
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", heard.metadata["traceparent"])
    theirs = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    answer, _ = await public.call("GET", "/api/v1/nothing", headers=theirs)
    assert answer.json()["details"][1]["request_id"] == TRACE


SENT_BY = {
    "refused": 400,
    "unauthenticated": 401,
    "denied": 403,
    "missing": 404,
    "conflict": 409,
    "exhausted": 429,
    "unimplemented": 501,
    "unavailable": 503,
    "too_late": 504,
    "internal": 500,
}


async def test_where_spans_are_sent_the_trace_is_that_of_the_span(site: Site) -> None:
    async with edge(replace(site, otlp=f"127.0.0.1:{site.ports['codec']}")) as running:
        assert refusal(await running.http.get("/api/v1/nothing")) == (404, "ROUTE_NOT_FOUND")
        _, heard = await running.call("GET", "/api/v1/products")
        assert heard is not None
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", heard.metadata["traceparent"])


async def test_a_refusal_of_a_service_is_its_status_in_json(public: Edge) -> None:
    for kind, status in SENT_BY.items():
        public.backend.answers["ListOrders"] = Problem(kind, "THE_REASON", "the message", {"key": "value"})
        answer = await public.http.get("/api/v1/orders")
        assert refusal(answer) == (status, "THE_REASON")
        assert answer.json()["message"] == "the message"
        assert answer.json()["details"][0]["metadata"] == {"key": "value"}


MALFORMED = ["{", "[]", "nonsense", "null", "{} {}", "\ufeff{}", '{"request_id": 1}', '{"wait": "WAIT_NO"}',
             '{"request_id": NaN}', '{"lines": [{"quantity": 1.5}]}', '{"lines": [{"quantity": 1e400}]}',
             '{"payment_token": "\\ud800"}', '{"a":' * 200 + "1" + "}" * 200]  # fmt: skip


async def test_a_body_that_is_no_such_message_is_refused(public: Edge) -> None:
    bodies = [*(body.encode() for body in MALFORMED), b'{"request_id": "\xff\xfe"}']
    for body in bodies:
        answer, heard = await public.call("POST", "/api/v1/orders", content=body, headers=JSON)
        assert heard is None, body
        assert refusal(answer) == (400, "MALFORMED_MESSAGE"), body


async def test_what_the_path_says_may_not_be_said_otherwise_in_the_body(public: Edge) -> None:
    body = {"request_id": ORDER, "order_id": "another"}
    answer, heard = await public.call("POST", f"/api/v1/orders/{ORDER}:cancel", json=body)
    assert (refusal(answer), heard) == ((400, "MALFORMED_MESSAGE"), None)


async def test_an_unknown_field_is_ignored_and_an_unknown_parameter_refused(public: Edge) -> None:
    _, heard = await public.call("POST", "/api/v1/orders", json={"request_id": ORDER, "colour": {"of": [1]}})
    assert heard is not None
    assert heard.request == orders_service_pb2.PlaceOrderRequest(request_id=ORDER)
    for query in ("colour=red", "page_size=many", "page_size=1.5", "page_size.x=1"):
        answer, heard = await public.call("GET", f"/api/v1/products?{query}")
        assert heard is None, query
        assert answer.status_code == 400


async def test_a_large_body_is_refused_and_one_below_the_limit_is_not(public: Edge) -> None:
    for size, status in ((60_000, 200), (66_000, 413)):
        body = json.dumps({"request_id": "a" * size}).encode()
        answer, heard = await public.call("POST", "/api/v1/orders", content=body, headers=JSON)
        assert (answer.status_code, heard is None) == (status, status == 413)
    assert refusal(answer) == (413, "PAYLOAD_TOO_LARGE")


async def test_only_json_is_taken_for_json(public: Edge) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""):
        answer, heard = await public.call(
            "POST", "/api/v1/orders", content=b"{}", headers={"content-type": kind}
        )
        assert (refusal(answer), heard) == ((415, "UNSUPPORTED_MEDIA_TYPE"), None)
    utf8 = {"content-type": 'Application/JSON ; charset="UTF-8"'}
    answer, _ = await public.call("POST", "/api/v1/orders", content=b"{}", headers=utf8)
    assert answer.status_code == 200


async def test_who_takes_no_json_is_told_so_before_anything_is_done(public: Edge) -> None:
    for kind in ("text/html", "application/xml;q=0.9", "application/grpc", "image/*"):
        answer, heard = await public.call(
            "POST", "/api/v1/orders", content=b"{}", headers=JSON | {"accept": kind}
        )
        assert (refusal(answer), heard) == ((406, "NOT_ACCEPTABLE"), None)
    for kind in ("*/*", "text/html, application/json;q=0.1", "Application/*", "text/event-stream"):
        answer, heard = await public.call("GET", "/api/v1/orders", headers={"accept": kind})
        assert (answer.status_code, heard is not None) == (200, True)


async def test_a_header_that_grpc_has_no_name_for_is_left_out_and_the_others_come_through(
    public: Edge,
) -> None:
    odd = {"49m!.1#x": "a", "!": "b", "it's|odd": "c", "X-Plain-1.2": "d"}
    answer, heard = await public.call("GET", "/api/v1/orders", headers=odd)
    assert heard is not None
    assert (answer.status_code, heard.metadata["x-plain-1.2"]) == (200, "d")
    assert not {"49m!.1#x", "!", "it's|odd"} & set(heard.metadata)


async def test_json_does_not_reach_a_method_by_its_grpc_path(public: Edge) -> None:
    answer, heard = await public.call("POST", GET_ORDER, json={})
    assert (answer.status_code, answer.json()["code"], heard) == (415, "UNSUPPORTED_MEDIA_TYPE", None)


async def test_unknown_paths_and_methods_are_refused(public: Edge) -> None:
    for path in ("/api/v1/", "/api/v1/carts", f"/api/v1/orders/{ORDER}:approve"):
        assert refusal(await public.http.get(path)) == (404, "ROUTE_NOT_FOUND")
    for verb, path, allowed in (
        ("DELETE", "/api/v1/orders", "GET, POST"),
        ("PUT", f"/api/v1/orders/{ORDER}", "GET"),
        ("GET", f"/api/v1/orders/{ORDER}:cancel", "POST"),
        ("POST", "/api/v1/openapi.json", "GET"),
    ):
        answer = await public.http.request(verb, path, headers=JSON)
        assert (refusal(answer), answer.headers["allow"]) == ((405, "METHOD_NOT_ALLOWED"), allowed)


async def test_no_path_leads_to_what_is_not_public(public: Edge) -> None:
    for path in (
        "/api/v1/../ordermesh.users.v1.ContactsService/GetContact",
        "/api/v1/%2e%2e/ordermesh.users.v1.ContactsService/GetContact",
        "/api/v1/orders/..%2f..%2fusers",
        "/api%2fv1/orders",
        "/api/v1/orders/x%00y",
        "/API/v1/orders",
        "//api//v1//carts",
        "/api/v1/orders;x=y",
    ):
        request = public.http.build_request("GET", "/", headers={"x-target": path})
        request = httpx.Request("GET", request.url, extensions={"target": path.encode()})
        public.backend.heard.clear()
        answer = await public.http.send(request)
        assert (answer.status_code in (400, 404, 415), public.backend.heard) == (True, []), (
            path,
            answer.text,
        )


async def test_a_service_that_is_down_or_slow_is_said_in_json(site: Site) -> None:
    async with edge(site, down=True) as running:
        answer = await running.http.get("/api/v1/products")
        assert refusal(answer) == (503, "DEPENDENCY_UNAVAILABLE")
        assert answer.headers["retry-after"] == "1"
    async with edge(site, change=lambda text: text.replace('"10s"', '"0.3s"')) as running:
        running.backend.answers["ListProducts"] = 30.0
        assert refusal(await running.http.get("/api/v1/products")) == (504, "UPSTREAM_TIMEOUT")


def status(version: int) -> orders_service_pb2.WatchOrderResponse:
    return orders_service_pb2.WatchOrderResponse(status=orders_pb2.OrderStatus(version=version))


async def event(lines: AsyncIterator[str]) -> Any:
    """The next server-sent event, which is a line of data and an empty one."""
    line = await asyncio.wait_for(anext(lines), 5)
    assert (line[:6], await asyncio.wait_for(anext(lines), 5)) == ("data: ", "")
    return json.loads(line[6:])


async def test_each_event_of_a_stream_comes_when_it_happens(site: Site) -> None:
    # what ends a call that is silent does not end a stream: its route has times of its own
    def impatient(text: str) -> str:
        return text.replace('"stream_idle_timeout": "300s"', '"stream_idle_timeout": "0.5s"')

    async with edge(site, change=impatient) as running:
        backend: Backend = running.backend
        backend.events.put_nowait(status(4))
        path = f"/api/v1/orders/{ORDER}:watch?after_version=3"
        async with running.http.stream("GET", path, headers={"accept": "text/event-stream"}) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            lines = answer.aiter_lines()
            assert (await event(lines))["status"]["version"] == "4"
            pending = asyncio.ensure_future(event(lines))
            assert not (await asyncio.wait([pending], timeout=1.5))[
                0
            ]  # three times what a silent call may take
            backend.events.put_nowait(status(5))
            assert (await pending)["status"]["version"] == "5"
            backend.events.put_nowait(None)
            assert [line async for line in lines if line] == []
        assert backend.heard[0].request.after_version == 3


async def test_a_stream_that_is_refused_is_an_error_and_no_stream(public: Edge) -> None:
    public.backend.answers["WatchOrder"] = Problem("unauthenticated", "TOKEN_MISSING", "no token")
    assert refusal(await public.http.get(f"/api/v1/orders/{ORDER}:watch")) == (401, "TOKEN_MISSING")


async def test_the_operators_entry_serves_no_rest(site: Site) -> None:
    async with edge(site, "operator") as running, httpx.AsyncClient() as http:
        address = f"http://127.0.0.1:{site.ports['operator']}"
        for path in ("/api/v1/products", "/api/v1/openapi.json", f"/api/v1/orders/{ORDER}"):
            answer = await http.get(address + path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain")
        assert not running.backend.heard


async def test_the_document_is_served_and_names_every_way_in(public: Edge) -> None:
    answer = await public.http.get(rest.DOCUMENT_PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    listed = {(verb.upper(), path) for path, item in answer.json()["paths"].items() for verb in item}
    assert listed == {(way.verb, way.template) for way in rest.ways()}
    for way in rest.ways():
        assert descriptor_pool.Default().FindMethodByName(way.rpc[1:].replace("/", "."))
