"""The suite in containers on a real engine: from `make up RUNTIME=compose` to `make reset`.

Where no engine answers this does not run, and says so. Where no image can be pulled, `stand_ins.py` makes
some in the place of the official ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from ops import topology
from ops.compose import site
from ops.compose.volumes import ENVOYS
from tests.engine import stand_ins
from tests.engine.contained import Contained, started

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

SUITE = "engine"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Contained, str]]:
    with started(SUITE) as found:
        yield found


@pytest.fixture
def suite(running: tuple[Contained, str]) -> Contained:
    """The suite, running."""
    return running[0]


@pytest.fixture
def printed(running: tuple[Contained, str]) -> str:
    """What its start has printed."""
    return running[1]


def test_everything_is_healthy_and_an_order_of_each_coordination_adds_up(
    suite: Contained, printed: str
) -> None:
    assert "OrderMesh is up in containers: all parts healthy." in printed
    for mode in ("sync", "choreography", "orchestration"):
        assert "CONFIRMED" in suite.make("demo", f"MODE={mode}")
    assert "money, stock and events add up" in suite.make("audit")
    assert "healthy" in suite.make("status")


def test_an_order_is_carried_through_although_parts_crash(suite: Contained) -> None:
    assert "passed" in suite.make("test", "T=tests/sagas/test_durability.py -k payments")


def test_the_mesh_is_obeyed_and_changed_as_natively(suite: Contained) -> None:
    suite.make("mesh", "allow", "FROM=orders", "TO=payments", "OFF=1")
    try:
        assert "CONFIRMED" not in suite.make("demo", "MODE=sync", may_fail=True)
    finally:
        suite.make("mesh", "allow", "FROM=orders", "TO=payments", "METHODS=ProcessPayment,CancelPayment")
    assert "CONFIRMED" in suite.make("demo", "MODE=sync")


def test_a_second_instance_comes_and_goes(suite: Contained) -> None:
    assert "inventory-2" in suite.make("scale", "S=inventory", "N=2")
    assert "CONFIRMED" in suite.make("demo", "MODE=sync")
    assert "inventory-2" not in suite.make("scale", "S=inventory", "N=1")


def test_the_limits_of_memory_hold_under_load(suite: Contained) -> None:
    said = suite.make("load", "MODE=choreography", "RATE=8", "SECONDS=15")
    assert re.search(r"dropped by the generator 0\b", said)
    assert "money, stock and events add up" in suite.make("audit")
    killed = [
        name for name, one in suite.inspected().items() if one["State"]["OOMKilled"] or one["RestartCount"]
    ]
    assert killed == []


def test_the_engine_tells_no_secret_of_the_suite(suite: Contained) -> None:
    mounted = ("--volume", f"{suite.project}_state:{site.ROOT}/var/suites/main")
    shown = stand_ins.docker("run", "--rm", *mounted, "ordermesh", "cat", "var/suites/main/secrets.json")
    secrets = json.loads(shown)
    told = json.dumps(suite.inspected())
    assert len(secrets) > 5
    assert not [name for name, secret in secrets.items() if secret in told]


def test_no_container_is_root_or_writes_to_its_own_files(suite: Contained) -> None:
    for name, one in suite.inspected().items():
        assert one["Config"]["User"].split(":")[0] not in ("", "0", "root"), name
        assert one["HostConfig"]["ReadonlyRootfs"], name
        assert one["HostConfig"]["CapDrop"] == ["ALL"], name
        assert one["HostConfig"]["Memory"] > 0, name


def test_what_is_open_outside_is_on_loopback_and_what_is_meant_to_be(suite: Contained) -> None:
    open_ports = [
        binding
        for one in suite.inspected().values()
        for bindings in (one["NetworkSettings"]["Ports"] or {}).values()
        for binding in bindings or ()
    ]
    assert {binding["HostIp"] for binding in open_ports} == {"127.0.0.1"}
    assert len(open_ports) == len(topology.PUBLISHED)


def test_a_sidecar_and_its_application_share_a_network_and_others_have_their_own(suite: Contained) -> None:
    found = suite.inspected()
    where = site.described()
    pods = {name: one["Id"] for name, one in found.items() if name.endswith("-pod")}
    for part in site.ours(where):
        instance = site.instance_of(part.name)
        if part.probe in ENVOYS and instance != part.name:
            mode = f"container:{pods[f'{instance}-pod']}"
            assert found[part.name]["HostConfig"]["NetworkMode"] == mode
            assert found[instance]["HostConfig"]["NetworkMode"] == mode
