"""Answers of the public entry to those who take them compressed: a real Envoy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ops.site import Site
from ops.tests.listening import Edge, edge
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2

pytestmark = pytest.mark.processes

ORDER = orders_pb2.Order(order_id="one")
PAGE = orders_service_pb2.ListOrdersResponse(orders=[ORDER] * 500)


@pytest.fixture
async def public(site: Site) -> AsyncIterator[Edge]:
    async with edge(site) as running:
        running.backend.answers |= {"ListOrders": PAGE}
        yield running


@pytest.mark.parametrize(
    ("taken", "got"),
    [("br, gzip", "br"), ("gzip, deflate", "gzip"), ("gzip;q=0", None), ("identity", None), ("zstd", None)],
)
async def test_a_long_answer_is_compressed_as_the_client_takes_it(
    public: Edge, taken: str, got: str | None
) -> None:
    answer = await public.http.get("/api/v1/orders", headers={"accept-encoding": taken})
    assert answer.headers.get("content-encoding") == got
    assert "accept-encoding" in answer.headers["vary"].lower()
    if got == "gzip":
        assert len(answer.json()["orders"]) == len(PAGE.orders)
        assert answer.num_bytes_downloaded < len(answer.content) / 10


async def test_a_short_answer_and_an_error_stay_as_they_are(public: Edge) -> None:
    for path in ("/api/v1/orders/one", "/api/v1/nothing"):
        answer = await public.http.get(path, headers={"accept-encoding": "br, gzip"})
        assert "content-encoding" not in answer.headers


async def test_a_stream_is_not_compressed_and_each_event_comes_when_it_happens(public: Edge) -> None:
    event = orders_service_pb2.WatchOrderResponse(status=orders_pb2.OrderStatus(version=1))
    headers = {"accept-encoding": "br, gzip"}
    public.backend.events.put_nowait(event)
    async with public.http.stream("GET", "/api/v1/orders/one:watch", headers=headers) as answer:
        assert "content-encoding" not in answer.headers
        parts = answer.aiter_raw()
        for _ in range(3):
            assert b"version" in await anext(parts)
            public.backend.events.put_nowait(event)


async def test_rpcs_are_never_compressed_by_the_entry(public: Edge) -> None:
    kind = {"content-type": "application/grpc-web+proto", "accept-encoding": "br, gzip"}
    answer = await public.http.post(
        "/ordermesh.orders.v1.OrdersService/ListOrders", content=bytes(5), headers=kind
    )
    assert (len(answer.content) > 1024, answer.headers.get("content-encoding")) == (True, None)
