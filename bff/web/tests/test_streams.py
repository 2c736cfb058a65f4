"""Watching an order: its history or the rest of it, without gap or repeat, whoever restarts meanwhile."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from bff.web.app import PATH
from bff.web.tests.client import Web, web
from bff.web.tests.shop import ADA, BOB
from kit.testing.serve_http import Event, events_of
from ordermesh.orders.v1 import orders_pb2

FULFIL = orders_pb2.FLOW_FULFIL


def version(event: Event) -> int:
    shown = event.data["data"]["orderStatus"]["version"]
    assert event.id == str(shown)
    return int(shown)


async def test_a_subscription_tells_the_history_then_what_happens_then_ends(ada: Web) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    async with ada.watch(order_id) as events:
        first = await anext(events)
        assert (first.name, version(first)) == ("next", 1)
        ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CONFIRMED)
        rest = [event async for event in events]
    assert [event.name for event in rest] == ["next", "complete"]
    assert rest[0].data == {"data": {"orderStatus": {"version": 2, "state": "CONFIRMED"}}}
    assert rest[1].data is None


@pytest.mark.parametrize("seen", [0, 1, 2])
@pytest.mark.parametrize("how", ["header", "argument"])
async def test_who_comes_back_is_told_the_rest(ada: Web, seen: int, how: str) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"])
    query = f"subscription($id: UUID!) {{ orderStatus(orderId: $id, afterVersion: {seen}) {{ version }} }}"
    by_header = how == "header"
    async with ada.watch(
        order_id, query="" if by_header else query, seen=str(seen) if by_header else ""
    ) as events:
        told = [event async for event in events]
    assert [version(event) for event in told[:-1]] == list(range(seen + 1, 3))
    assert told[-1].name == "complete"


async def test_nothing_is_missed_or_told_twice_while_orders_restarts(ada: Web) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False, flow=FULFIL)
    async with ada.watch(order_id) as events:
        seen = [version(await anext(events))]
        for _ in range(3):
            await ada.running.stop("orders")
            ada.shop.moved(order_id, orders_pb2.ORDER_STATE_AWAITING_APPROVAL)
            await ada.running.start("orders")
            seen.append(version(await anext(events)))
        ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CONFIRMED)
        seen += [version(event) async for event in events if event.name == "next"]
    assert seen == [1, 2, 3, 4, 5]
    assert ada.shop.calls["WatchOrder"] >= 4


async def test_a_restart_of_the_bff_ends_the_stream_without_complete_and_the_client_goes_on(ada: Web) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    async with ada.watch(order_id) as events:
        last = await anext(events)
        ada.running.app.streams.drain()
        assert [event async for event in events] == []
    ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CONFIRMED)
    async with web(ada.shop) as another, another.watch(order_id, seen=last.id) as events:
        assert [version(event) async for event in events if event.name == "next"] == [2]


@pytest.mark.parametrize("whose", ["foreign", "unknown"])
async def test_an_order_that_is_not_ones_own_is_not_watched(ada: Web, whose: str) -> None:
    order_id = ada.shop.ordered(BOB, ["MUG-BLUE"]) if whose == "foreign" else str(uuid.uuid4())
    async with ada.watch(order_id) as events:
        told = [event async for event in events]
    assert [event.name for event in told] == ["next", "complete"]
    assert told[0].data["data"] is None
    (error,) = told[0].data["errors"]
    assert (error["extensions"]["code"], told[0].id) == ("FORBIDDEN", "")


async def test_who_is_not_signed_in_watches_nothing(ada: Web) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"])
    async with ada.watch(order_id, user=None) as events:
        told = [event async for event in events]
    assert told[0].data["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert ada.shop.calls["WatchOrder"] == 0


async def test_a_query_may_ask_for_its_answer_as_an_event(ada: Web) -> None:
    body = {"query": '{ product(sku: "MUG-BLUE") { sku } }'}
    async with ada.http.stream("POST", PATH, json=body, headers={"accept": "text/event-stream"}) as answer:
        told = [event async for event in events_of(answer)]
    assert [event.name for event in told] == ["next", "complete"]
    assert told[0].data == {"data": {"product": {"sku": "MUG-BLUE"}}}


async def test_a_subscription_by_get_is_for_an_event_source(ada: Web) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"])
    query = f'subscription {{ orderStatus(orderId: "{order_id}") {{ version state }} }}'
    headers = ada.headers(ADA) | {"accept": "text/event-stream"}
    async with ada.http.stream("GET", PATH, params={"query": query}, headers=headers) as answer:
        told = [event async for event in events_of(answer)]
    assert [version(event) for event in told[:-1]] == [1, 2]


async def test_a_user_has_five_streams_at_a_time(ada: Web) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    query = f'subscription {{ orderStatus(orderId: "{order_id}") {{ version state }} }}'
    headers = ada.headers(ADA) | {"accept": "text/event-stream"}
    async with asyncio.TaskGroup() as group:
        opened = [asyncio.Event() for _ in range(5)]

        async def watch(begun: asyncio.Event) -> None:
            async with ada.watch(order_id) as events:
                await anext(events)
                begun.set()
                async for _ in events:
                    pass

        for begun in opened:
            group.create_task(watch(begun))
        for begun in opened:
            await begun.wait()
        answer = await ada.http.post(PATH, json={"query": query}, headers=headers)
        assert answer.status_code == 429
        assert answer.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CONFIRMED)
    async with ada.watch(order_id) as events:
        assert version(await anext(events)) == 1
