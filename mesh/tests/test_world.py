"""The world changes when there is something to tell; an instance is away when none of its streams is left."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mesh.authority import Authority
from mesh.proxies import Node
from mesh.registry import GONE_AFTER, Registry
from mesh.tests.policies import policy
from mesh.world import World

HOUR = timedelta(hours=1)
ONE = Node("inventory-1", "inventory", "127.0.0.1", 15054, "run/egress", "run/application", "v1")
TWO = Node("inventory-2", "inventory", "127.0.0.1", 15055, "run/egress", "run/application", "v2")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry.json", lambda: None)


@pytest.fixture
def world(tmp_path: Path, registry: Registry, clock: Clock) -> World:
    return World(policy(), registry, Authority(tmp_path / "ca", clock), HOUR, clock)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def test_a_proxy_that_is_back_before_its_old_stream_has_ended_is_not_away(
    world: World, registry: Registry, stack: ExitStack
) -> None:
    with world.present(ONE):
        stack.enter_context(world.present(ONE))
    assert registry.now.of("inventory")[0].away_since is None
    stack.close()
    assert registry.now.of("inventory")[0].away_since is not None


def test_a_control_plane_that_returns_gives_everybody_a_minute_and_then_no_longer(
    world: World, registry: Registry, clock: Clock, tmp_path: Path
) -> None:
    with world.present(ONE), world.present(TWO):
        again = Registry(tmp_path / "registry.json", lambda: None)
        clock.now += HOUR
        back = World(policy(), again, Authority(tmp_path / "ca", clock), HOUR, clock)
    back.renew()
    assert len(again.now.of("inventory")) == 2
    with back.present(ONE):
        clock.now += GONE_AFTER + timedelta(seconds=1)
        back.renew()
        assert [one.node_id for one in again.now.of("inventory")] == ["inventory-1"]


def test_certificates_are_made_anew_at_half_of_their_life_and_told_once(world: World, clock: Clock) -> None:
    world.snapshot(ONE)
    first = world.leaves["inventory-1"]
    before = world.changes
    world.renew()
    assert world.changes == before
    clock.now += HOUR / 2
    world.renew()
    world.renew()  # nobody asks for the certificate of a node that is gone: that is no news every second
    assert world.changes == before + 1
    world.snapshot(ONE)
    assert world.leaves["inventory-1"] != first


def test_a_node_that_is_forgotten_leaves_no_certificate_and_no_endpoint(
    world: World, registry: Registry
) -> None:
    world.snapshot(ONE)
    with world.present(ONE):
        world.forget("inventory-1")
    assert (dict(world.leaves), registry.now.instances) == ({}, {})
