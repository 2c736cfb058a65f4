"""Real sidecars with a real control plane: what is let through, what is not, and what outlives what."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from mesh.policy import Allow
from mesh.tests.answers import eventually
from mesh.tests.calls import answers, code
from mesh.tests.fleet import Fleet, Inventory, fleet
from mesh.tests.policies import RELEASE, policy, without_extras

pytestmark = pytest.mark.processes

PLAIN = without_extras(policy())


@pytest.fixture
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    folder = tmp_path_factory.mktemp("m")  # a socket's path has at most 107 bytes
    async with fleet(folder, PLAIN, timedelta(hours=1)) as made:
        yield made


@pytest.fixture
async def inventory(mesh: Fleet) -> Inventory:
    """An inventory with its sidecar, and the sidecar of orders."""
    found = Inventory()
    await mesh.serve(found)
    await mesh.sidecar("inventory", "inventory-1", "v1")
    await mesh.sidecar("orders", "orders-1")
    return found


async def test_an_allowed_call_goes_through_and_says_who_calls(mesh: Fleet, inventory: Inventory) -> None:
    await answers(mesh, grpc.StatusCode.OK)
    assert inventory.who[-1].endswith("URI=spiffe://ordermesh.local/orders")


async def test_a_call_that_is_not_allowed_never_reaches_the_application(
    mesh: Fleet, inventory: Inventory
) -> None:
    await answers(mesh, grpc.StatusCode.OK)
    assert await code(mesh, "ReleaseStock") is grpc.StatusCode.PERMISSION_DENIED
    assert "ReleaseStock" not in inventory.asked


async def test_a_change_of_the_policy_holds_for_live_proxies(mesh: Fleet, inventory: Inventory) -> None:
    await answers(mesh, grpc.StatusCode.OK)
    mesh.obeys(replace(PLAIN, allow=(*PLAIN.allow, Allow("orders", "inventory", frozenset({RELEASE}), 9))))
    await answers(mesh, grpc.StatusCode.OK, "ReleaseStock")
    mesh.obeys(replace(PLAIN, allow=()))
    await answers(mesh, grpc.StatusCode.UNAVAILABLE)  # a workload that it may not know at all


async def test_what_may_be_repeated_is_tried_again(mesh: Fleet, inventory: Inventory) -> None:
    await answers(mesh, grpc.StatusCode.OK)
    inventory.fails, before = 2, len(inventory.asked)
    assert await code(mesh) is grpc.StatusCode.OK
    assert len(inventory.asked) - before == 3


async def test_a_second_instance_takes_its_share_and_the_death_of_one_is_covered(
    mesh: Fleet, inventory: Inventory, tmp_path: Path
) -> None:
    second = Inventory()
    await mesh.serve(second, "inventory-2")
    await mesh.sidecar("inventory", "inventory-2", "v2")

    async def both_answer() -> bool:
        return await code(mesh) is grpc.StatusCode.OK and bool(second.asked and inventory.asked)

    await eventually(both_answer)
    mesh.obeys(replace(PLAIN, split={"inventory": {"v1": 0, "v2": 100}}))

    async def all_to_the_second() -> bool:
        before = len(inventory.asked)
        answers = [await code(mesh) for _ in range(10)]
        return set(answers) == {grpc.StatusCode.OK} and len(inventory.asked) == before

    await eventually(all_to_the_second)
