"""A proxy says that a call was surely not heard, and never says so of one that may have been."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest

from kit.channels import UNSENT_HEADER
from mesh.policy import Fault, RetryBudget
from mesh.tests.answers import PLAIN, Held, answer, application, ask_admin, eventually, tried, until
from mesh.tests.fleet import Fleet, Inventory, fleet
from mesh.tests.policies import RESERVE
from mesh.unsent import once_or_surely_unsent
from ordermesh.inventory.v1 import inventory_service_pb2 as pb

pytestmark = pytest.mark.processes

ONE_TRY = tried(PLAIN, 0)
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Liar(Inventory):
    """Says of itself what only a proxy can know."""

    def __init__(self, heard: list[dict[str, Any]]) -> None:
        super().__init__()
        self._heard = heard

    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Any) -> pb.ReserveStockResponse:
        self._heard.append(dict(context.invocation_metadata()))
        await context.abort(UNAVAILABLE, "not now", ((UNSENT_HEADER, "1"), ("x-other", "1")))
        raise AssertionError


@pytest.fixture
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path_factory.mktemp("m"), ONE_TRY, timedelta(hours=1)) as made:
        yield made


@pytest.fixture
async def held(mesh: Fleet) -> AsyncIterator[Held]:
    """An inventory that answers, with its sidecar and that of orders."""
    found = Held()
    server = await application(mesh, found)
    await mesh.sidecar("inventory", "inventory-1", "v1")
    await mesh.sidecar("orders", "orders-1")
    await until(mesh, grpc.StatusCode.OK)
    found.stop = server.stop
    yield found
    found.go.set()
    await server.stop(0)


async def test_an_application_that_is_down_has_heard_nothing(mesh: Fleet, held: Held) -> None:
    await held.stop(0)
    await until(mesh, UNAVAILABLE, unsent=True)


async def test_a_sidecar_that_is_down_has_let_nothing_through(mesh: Fleet, held: Held) -> None:
    await ask_admin(mesh, "inventory-1", "/quitquitquit", "POST")
    await until(mesh, UNAVAILABLE, unsent=True)


async def test_a_workload_that_nobody_may_call_has_heard_nothing(mesh: Fleet, held: Held) -> None:
    mesh.world.obeys(replace(ONE_TRY, allow=()))
    await until(mesh, UNAVAILABLE, unsent=True)


async def test_an_injected_refusal_comes_before_the_application(mesh: Fleet, held: Held) -> None:
    abort = Fault("inventory", "orders", frozenset({RESERVE}), None, 14, 100.0, 5)
    mesh.world.obeys(replace(ONE_TRY, faults=(abort,)))
    await until(mesh, UNAVAILABLE, unsent=True)


@pytest.mark.parametrize("second_try_refused", [False, True])
async def test_a_call_whose_connection_breaks_may_have_been_heard(
    mesh: Fleet, held: Held, second_try_refused: bool
) -> None:
    if second_try_refused:  # Envoy's flag of an open breaker stands beside that of the broken connection
        breaker = replace(ONE_TRY.traffic["inventory"].breaker, requests=77)
        budget = RetryBudget(percent=0, min_concurrency=0)
        mesh.world.obeys(tried(ONE_TRY, 2, budget=budget, breaker=breaker))
        await retries(mesh)
        await breaks_at(mesh, 77)
    held.holds = True
    call = asyncio.create_task(answer(mesh))
    await held.heard.wait()
    await ask_admin(mesh, "inventory-1", "/quitquitquit", "POST")
    found = await call
    assert (found.code, found.unsent) == (UNAVAILABLE, False)


async def test_after_a_try_that_may_have_been_heard_nothing_is_said(mesh: Fleet, held: Held) -> None:
    mesh.world.obeys(tried(ONE_TRY, 2))
    await retries(mesh)
    await held.stop(0)
    await until(mesh, UNAVAILABLE, unsent=False)
    for _ in range(3):
        assert not (await answer(mesh)).unsent


async def test_an_application_cannot_say_it_of_itself(mesh: Fleet, held: Held) -> None:
    heard: list[dict[str, Any]] = []
    await held.stop(0)
    liar = await application(mesh, Liar(heard))
    try:

        async def it_lies() -> bool:
            return (await answer(mesh, ((UNSENT_HEADER, "1"),))).headers.get("x-other") == "1"

        await eventually(it_lies)
        assert not (await answer(mesh, ((UNSENT_HEADER, "1"),))).unsent
        assert UNSENT_HEADER not in heard[-1]
    finally:
        await liar.stop(0)


async def retries(mesh: Fleet) -> None:
    """The caller's proxy has taken that there are second tries."""

    async def taken() -> bool:
        return '"num_retries": 2' in await ask_admin(mesh, "orders-1", "/config_dump")

    await eventually(taken)


async def breaks_at(mesh: Fleet, requests: int) -> None:
    """The caller's proxy has taken the limit."""

    async def taken() -> bool:
        found = await ask_admin(mesh, "orders-1", "/clusters")
        return f"inventory::default_priority::max_requests::{requests}\n" in found

    await eventually(taken)


def test_only_methods_of_which_every_try_was_unsent_need_no_counting() -> None:
    place = "/ordermesh.orders.v1.OrdersService/PlaceOrder"
    reserve = "/ordermesh.inventory.v1.InventoryService/ReserveStock"
    assert place in once_or_surely_unsent(PLAIN, ["orders"])
    assert reserve not in once_or_surely_unsent(PLAIN, ["inventory"])
    assert reserve in once_or_surely_unsent(ONE_TRY, ["inventory"])
    assert once_or_surely_unsent(PLAIN, ["worker"]) == frozenset()
