"""What a caller's proxy tries again, and what the last answer can still say of all tries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from envoy.config.route.v3.route_components_pb2 import RetryPolicy

from kit.channels import UNSENT_HEADER
from mesh.methods import BY_WORKLOAD
from mesh.outgoing import egress_routes
from mesh.policy import UNANSWERED, Fault, Policy, RetryAfter
from mesh.policy_reading import parse
from mesh.tests.answers import PLAIN, answer, ask_admin, eventually, tried, until
from mesh.tests.fleet import Fleet, Inventory, fleet
from mesh.tests.policies import RESERVE
from mesh.tests.texts import TEXT
from mesh.unsent import once_or_surely_unsent

pytestmark = pytest.mark.processes

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def repeated_after(after: RetryAfter, abort: bool = False) -> Policy:
    """Reservations are tried again like this; all are refused at the door, if `abort`."""
    traffic = PLAIN.traffic["inventory"]
    rule = replace(traffic.methods["ReserveStock"], attempts=2, after=after)
    methods = {**traffic.methods, "ReserveStock": rule}
    refused = Fault("inventory", "orders", frozenset({RESERVE}), None, UNAVAILABLE.value[0], 100.0, 1)
    return replace(
        PLAIN,
        traffic={**PLAIN.traffic, "inventory": replace(traffic, methods=methods)},
        faults=(refused,) if abort else (),
    )


@pytest.fixture
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    first = repeated_after(RetryAfter.UNSENT)
    async with fleet(tmp_path_factory.mktemp("m"), first, timedelta(hours=1)) as made:
        yield made


@pytest.fixture
async def inventory(mesh: Fleet) -> Inventory:
    """An inventory that answers, with its sidecar and that of orders."""
    found = Inventory()
    await mesh.serve(found)
    await mesh.sidecar("inventory", "inventory-1", "v1")
    await mesh.sidecar("orders", "orders-1")
    await until(mesh, grpc.StatusCode.OK)
    return found


async def retries(mesh: Fleet) -> int:
    """How often the proxy of orders has tried a call of inventory again."""
    said = await ask_admin(mesh, "orders-1", "/stats?filter=^cluster.inventory.upstream_rq_retry$")
    return int(said.rpartition(":")[2])


async def test_an_answer_that_decides_nothing_is_not_followed_by_a_second_charge(
    mesh: Fleet, inventory: Inventory
) -> None:
    inventory.fails, before = 1, len(inventory.asked)
    found = await answer(mesh)
    assert (found.code, found.unsent) == (UNAVAILABLE, False)
    assert len(inventory.asked) - before == 1


async def test_what_was_surely_not_sent_is_tried_again_and_the_last_answer_still_says_so(
    mesh: Fleet, inventory: Inventory
) -> None:
    mesh.world.obeys(repeated_after(RetryAfter.UNSENT, abort=True))
    await until(mesh, UNAVAILABLE, unsent=True)
    before, asked = await retries(mesh), len(inventory.asked)
    found = await answer(mesh)
    assert (found.code, found.unsent) == (UNAVAILABLE, True)
    assert await retries(mesh) - before == 2
    assert len(inventory.asked) == asked


async def test_no_attempts_are_none(mesh: Fleet, inventory: Inventory) -> None:
    mesh.world.obeys(tried(repeated_after(RetryAfter.UNAVAILABLE, abort=True), 0))

    await until(mesh, UNAVAILABLE, unsent=True)

    async def none() -> bool:
        before = await retries(mesh)
        return (await answer(mesh)).code is UNAVAILABLE and await retries(mesh) == before

    await eventually(none)


def rules(policy: Policy, caller: str) -> dict[str, RetryPolicy]:
    """How a caller's proxy tries each method again."""
    hosts = egress_routes(caller, policy).virtual_hosts
    return {route.match.path: route.route.retry_policy for host in hosts for route in host.routes}


def test_every_method_is_tried_again_after_an_answer_that_says_that_it_was_not_sent() -> None:
    policy = parse(TEXT)
    for caller in ("orders", "worker", "edge", "operator"):
        for path, rule in rules(policy, caller).items():
            if path:
                assert "retriable-headers" in rule.retry_on.split(","), path
                (header,) = rule.retriable_headers
                assert (header.name, header.present_match) == (UNSENT_HEADER, True)


def test_a_charge_is_tried_again_only_then_and_its_cancellation_always() -> None:
    """So the last answer to a charge can say of all tries that none was sent; its proxies know that."""
    found = rules(parse(TEXT), "orders")
    charge = BY_WORKLOAD["payments"]["ProcessPayment"].path
    cancel = BY_WORKLOAD["payments"]["CancelPayment"].path
    assert not set(UNANSWERED) & set(found[charge].retry_on.split(","))
    assert set(UNANSWERED) <= set(found[cancel].retry_on.split(","))
    assert once_or_surely_unsent(parse(TEXT), ["payments"]) == {charge}
