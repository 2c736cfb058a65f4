"""Following an order: its history or the rest of it, without gap or repeat, whoever restarts meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from bff.mobile.tests.client import Mobile, as_user, mobile
from bff.mobile.tests.shop import ADA, BOB
from kit.errors import Problem
from kit.testing.serve_http import Event
from ordermesh.orders.v1 import orders_pb2

CONFIRMED, WAITING = orders_pb2.ORDER_STATE_CONFIRMED, orders_pb2.ORDER_STATE_AWAITING_APPROVAL
AS_JSON = {"accept": "application/json"}


def version(event: Event) -> int:
    assert (event.name, event.id) == ("status", str(event.data["v"]))
    return int(event.data["v"])


async def poll(ada: Mobile, order_id: str, after: int, wait: int = 20) -> Any:
    """Ask what is new, as long as the answer takes."""
    params = {"after": after, "wait": wait}
    answer = await ada.get(f"/orders/{order_id}/events", params=params, timeout=40)
    assert answer.status_code == 200, answer.text
    return answer.json()


def versions(told: Any) -> list[int]:
    return [entry["v"] for entry in told["e"]]


async def watchers(ada: Mobile, number: int) -> None:
    """Wait until so many have begun to watch."""
    while ada.shop.calls["WatchOrder"] < number:
        await ada.shop.asked.wait()


async def test_a_stream_tells_the_history_then_what_happens_then_ends(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    async with ada.watch(order_id) as events:
        assert version(await anext(events)) == 1
        ada.shop.moved(order_id, CONFIRMED)
        rest = [event async for event in events]
    assert [event.name for event in rest] == ["status", "end"]
    assert rest[0].data == {"v": 2, "s": "CONFIRMED", "t": ada.shop.orders[order_id].update_time.seconds}


@pytest.mark.parametrize("seen", [0, 1, 2])
@pytest.mark.parametrize("how", ["header", "parameter"])
async def test_who_comes_back_is_told_the_rest(ada: Mobile, seen: int, how: str) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"])
    by_header = how == "header"
    async with ada.watch(order_id, str(seen) if by_header else "", 0 if by_header else seen) as events:
        told = [event async for event in events]
    assert [version(event) for event in told[:-1]] == list(range(seen + 1, 3))
    assert told[-1].name == "end"


async def test_nothing_is_missed_or_told_twice_while_orders_restarts(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    async with ada.watch(order_id) as events:
        seen = [version(await anext(events))]
        for _ in range(3):
            await ada.running.stop("orders")
            ada.shop.moved(order_id, WAITING)
            await ada.running.start("orders")
            seen.append(version(await anext(events)))
        ada.shop.moved(order_id, CONFIRMED)
        seen += [version(event) async for event in events if event.name == "status"]
    assert seen == [1, 2, 3, 4, 5]
    assert ada.shop.calls["WatchOrder"] >= 4


async def test_a_restart_of_the_bff_breaks_a_stream_without_end_and_the_app_goes_on(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    async with ada.watch(order_id) as events:
        last = await anext(events)
        ada.running.app.streams.drain()
        assert [event async for event in events] == []
    ada.shop.moved(order_id, CONFIRMED)
    async with mobile(ada.shop) as another, another.watch(order_id, seen=last.id) as events:
        assert [version(event) async for event in events if event.name == "status"] == [2]


async def test_a_stream_that_orders_refuses_on_the_way_stops_without_end(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"])
    ada.shop.broken["WatchOrder"] = Problem("unauthenticated", "TOKEN_EXPIRED", "sign in again")
    async with ada.watch(order_id) as events:
        assert [event async for event in events] == []


async def test_who_polls_is_told_what_there_is_at_once(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    assert await poll(ada, order_id, 0) == {"e": [{"v": 1, "s": "PENDING", "t": 1_790_000_001}]}
    for _ in range(3):
        ada.shop.moved(order_id, WAITING)
    assert versions(await poll(ada, order_id, 1)) == [2, 3, 4]


async def test_who_polls_waits_for_what_is_new(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    waiting = asyncio.create_task(poll(ada, order_id, 1))
    await watchers(ada, 1)
    ada.shop.moved(order_id, CONFIRMED)
    told = await waiting
    assert versions(told) == [2]
    assert await poll(ada, order_id, 2) == {"e": [], "d": True}


async def test_who_polls_is_told_when_nothing_is_new(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    assert await poll(ada, order_id, 1, wait=1) == {"e": []}
    assert await poll(ada, order_id, 7, wait=1) == {"e": []}


async def test_who_polls_may_wait_longer_than_other_requests_take(
    ada: Mobile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kit.http_guard import HttpGuard

    monkeypatch.setattr(HttpGuard.__init__, "__defaults__", (0.5,))
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    async with mobile(ada.shop) as hurried:
        assert await poll(hurried, order_id, 1, wait=1) == {"e": []}
        hurried.shop.stuck.add("GetOrder")
        late = await hurried.get(f"/orders/{order_id}")
    assert (late.status_code, late.json()["code"]) == (504, "UPSTREAM_TIMEOUT")


async def test_who_polls_misses_nothing_while_orders_restarts(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    waiting = asyncio.create_task(poll(ada, order_id, 1))
    await watchers(ada, 1)
    await ada.running.stop("orders")
    ada.shop.moved(order_id, WAITING)
    ada.shop.moved(order_id, CONFIRMED)
    await ada.running.start("orders")
    seen = versions(await waiting)
    seen += versions(await poll(ada, order_id, seen[-1]))
    assert seen == [2, 3]


async def test_who_polls_is_answered_when_the_bff_leaves_and_asks_the_next_one(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    waiting = asyncio.create_task(poll(ada, order_id, 1))
    await watchers(ada, 1)
    ada.running.app.streams.drain()
    assert await waiting == {"e": []}
    ada.shop.moved(order_id, CONFIRMED)
    async with mobile(ada.shop) as another:
        assert versions(await poll(another, order_id, 1)) == [2]


async def test_events_and_polling_tell_the_same(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    ada.shop.moved(order_id, orders_pb2.ORDER_STATE_CANCELLED, "OUT_OF_STOCK")
    async with ada.watch(order_id) as events:
        streamed = [event.data async for event in events if event.name == "status"]
    assert (await poll(ada, order_id, 0))["e"] == streamed
    assert streamed[-1]["r"] == "OUT_OF_STOCK"


@pytest.mark.parametrize("whose", ["foreign", "unknown"])
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
async def test_an_order_that_is_not_ones_own_is_not_followed(ada: Mobile, whose: str, accept: str) -> None:
    order_id = ada.shop.ordered(BOB, ["MUG-BLUE"]) if whose == "foreign" else str(uuid.uuid4())
    answer = await ada.get(f"/orders/{order_id}/events", headers={"accept": accept})
    assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS_DENIED")
    assert ada.shop.calls["WatchOrder"] == 0


async def test_a_user_has_five_streams_at_a_time(ada: Mobile) -> None:
    order_id = ada.shop.ordered(ADA, ["MUG-BLUE"], paid=False)
    opened = [asyncio.Event() for _ in range(5)]

    async def watch(begun: asyncio.Event) -> None:
        async with ada.watch(order_id) as events:
            await anext(events)
            begun.set()
            async for _ in events:
                pass

    async with asyncio.TaskGroup() as group:
        for begun in opened:
            group.create_task(watch(begun))
        for begun in opened:
            await begun.wait()
        answer = await refused_stream(ada, order_id)
        assert (answer.status_code, answer.json()["code"]) == (429, "TOO_MANY_STREAMS")
        assert answer.headers["retry-after"] == "1"
        ada.shop.moved(order_id, CONFIRMED)
    async with ada.watch(order_id) as events:
        assert version(await anext(events)) == 1


async def refused_stream(ada: Mobile, order_id: str) -> httpx.Response:
    headers = as_user(ADA) | {"accept": "text/event-stream"}
    return await ada.http.get(f"/mobile/v1/orders/{order_id}/events", headers=headers)
