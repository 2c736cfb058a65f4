"""What the public entry does for pages in a browser, gRPC-Web and CORS; and that gRPC itself is as it was."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from kit.errors import Problem
from ops.site import Site
from ops.tests.listening import Edge, edge
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2

pytestmark = pytest.mark.processes

GET_ORDER = "/ordermesh.orders.v1.OrdersService/GetOrder"
APPROVE = "/ordermesh.orders.v1.OrdersService/ApproveOrder"
PAGE, STRANGER = "http://localhost:3000", "http://localhost.evil.example"
ASKING = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
ALLOWED = "access-control-allow-origin"
EMPTY = bytes(5)  # a frame of gRPC with an empty message


@pytest.fixture
async def public(site: Site) -> AsyncIterator[Edge]:
    async with edge(site) as running:
        yield running


async def test_a_preflight_is_answered_at_the_edge(public: Edge) -> None:
    for path in ("/api/v1/orders", GET_ORDER, "/api/v1/orders/x:cancel"):
        answer, heard = await public.call("OPTIONS", path, headers={"origin": PAGE, **ASKING})
        assert (answer.status_code, answer.headers[ALLOWED], heard) == (200, PAGE, None)
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert answer.headers["access-control-allow-methods"] == "GET, POST"
        assert "access-control-allow-credentials" not in answer.headers
        answer, heard = await public.call("OPTIONS", path, headers={"origin": STRANGER, **ASKING})
        assert (ALLOWED in answer.headers, heard) == (False, None)


async def test_a_page_may_read_answers_and_errors(public: Edge) -> None:
    json = {"content-type": "application/json", "origin": PAGE}
    for method, path, body, status in (
        ("GET", "/api/v1/products", b"", 200),
        ("POST", "/api/v1/orders", b"{", 400),
        ("GET", "/api/v1/products?colour=red", b"", 400),
        ("POST", "/api/v1/orders", b'{"request_id": "' + b"a" * 70_000 + b'"}', 413),
        ("GET", "/api/v1/nothing", b"", 404),
        ("POST", "/api/v1/products", b"{}", 405),
    ):
        answer = await public.http.request(method, path, content=body, headers=json)
        for_all = "*" if status in (404, 405) else PAGE
        assert (answer.status_code, answer.headers[ALLOWED]) == (status, for_all)
    answer = await public.http.get("/api/v1/products", headers={"origin": STRANGER})
    assert ALLOWED not in answer.headers


async def test_grpc_web_reaches_a_method_in_both_of_its_forms(public: Edge) -> None:
    order = orders_service_pb2.GetOrderResponse(order=orders_pb2.Order(order_id="one"))
    public.backend.answers["GetOrder"] = order
    for kind, body in (
        ("application/grpc-web+proto", EMPTY),
        ("application/grpc-web-text", base64.b64encode(EMPTY)),
    ):
        headers = {"content-type": kind, "x-grpc-web": "1", "origin": PAGE, "accept": kind}
        answer, heard = await public.call("POST", GET_ORDER, content=body, headers=headers)
        assert heard is not None
        assert (answer.status_code, heard.method, answer.headers[ALLOWED]) == (200, GET_ORDER, PAGE)
        said = answer.content if "text" not in kind else base64.b64decode(answer.content[:20])
        assert b"one" in said


async def test_grpc_web_is_refused_as_grpc_is(public: Edge) -> None:
    headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    answer, heard = await public.call("POST", APPROVE, content=EMPTY, headers=headers)
    assert (answer.headers["grpc-status"], heard) == ("12", None)
    assert answer.headers["grpc-message"].startswith("not served here")


async def grpc_error(running: Edge, path: str) -> tuple[grpc.StatusCode, str]:
    async with grpc.aio.insecure_channel(running.site.address("edge")) as channel:
        stub: Any = channel.unary_unary(path)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub(b"", metadata=running.metadata, timeout=10)
    return caught.value.code(), caught.value.details() or ""


async def test_an_error_of_the_edge_is_plain_text_to_a_grpc_client(public: Edge) -> None:
    code, text = await grpc_error(public, APPROVE)
    assert (code, text[:15]) == (grpc.StatusCode.UNIMPLEMENTED, "not served here")
    code, text = await grpc_error(public, "/api/v1/orders")
    assert (code, "{" in text) == (grpc.StatusCode.PERMISSION_DENIED, False)
    public.backend.answers["GetOrder"] = Problem("refused", "OUT_OF_STOCK", "nothing left")
    assert await grpc_error(public, GET_ORDER) == (grpc.StatusCode.FAILED_PRECONDITION, "nothing left")


async def test_a_service_that_is_down_is_plain_text_to_a_grpc_client(site: Site) -> None:
    async with edge(site, down=True) as running:
        code, text = await grpc_error(running, GET_ORDER)
        assert (code, "{" in text) == (grpc.StatusCode.UNAVAILABLE, False)


async def test_elsewhere_the_edge_answers_with_a_problem(public: Edge) -> None:
    for path, headers, status, code in (
        ("/", {}, 404, "ROUTE_NOT_FOUND"),
        ("/wrong%2fpath", {}, 400, "BAD_REQUEST"),
        ("/", {"x-note": "a" * 20_000}, 431, "HEADERS_TOO_LARGE"),
    ):
        answer = await public.http.get(path, headers=headers)
        said = answer.json()
        assert (answer.status_code, said["status"], said["code"]) == (status, status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(said) == {"type", "title", "status", "detail", "code", "traceId"}
