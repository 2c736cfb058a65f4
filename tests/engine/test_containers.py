"""The suite in containers on a real engine: from `make up RUNTIME=compose` to `make reset`.

Where no engine answers this does not run, and says so. Where no image can be pulled, `stand_ins.py` makes
some in the place of the official ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ops import state, topology
from ops.compose import engines, site
from ops.compose.volumes import ENVOYS
from tests.engine import stand_ins

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

SUITE = "engine"
PROJECT = f"ordermesh-{SUITE}"


def make(*words: str, may_fail: bool = False) -> str:
    """A door of the Makefile; what it prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    # the engine's own builder is on every engine
    environ |= {"DOCKER_BUILDKIT": "0", "SUITE": SUITE, "RUNTIME": "compose"}
    program = shutil.which("make") or "make"
    done = subprocess.run(
        (program, *words), cwd=state.ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert may_fail or done.returncode == 0, f"make {' '.join(words)}:\n{(done.stdout + done.stderr)[-4000:]}"
    return done.stdout + done.stderr


def inspected() -> dict[str, Any]:
    """Everything that the engine tells of the suite's containers, by service."""
    ids = stand_ins.docker("ps", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}").split()
    found = json.loads(stand_ins.docker("inspect", *ids))
    return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}


@pytest.fixture(scope="module")
def printed() -> Iterator[str]:
    """The suite, running; what its start has printed."""
    try:
        engines.check()
    except Exception as error:
        pytest.skip(f"did not run: {error}")
    stand_ins.provide()
    for target, image in (
        ("part", "ordermesh"),
        ("control-plane", "ordermesh-mesh"),
        ("tests", "ordermesh-tests"),
    ):
        # on the machine's own network: it is the one that reaches the index of packages
        words = ("--network", "host", "--file", "deploy/Dockerfile", "--target", target, "--tag", image)
        stand_ins.docker("build", "--quiet", *words, str(state.ROOT))
    make("reset")
    try:
        yield make("up")
    finally:
        make("reset")


def test_everything_is_healthy_and_an_order_of_each_coordination_adds_up(printed: str) -> None:
    assert "OrderMesh is up in containers: all parts healthy." in printed
    for mode in ("sync", "choreography", "orchestration"):
        assert "CONFIRMED" in make("demo", f"MODE={mode}")
    assert "money, stock and events add up" in make("audit")
    assert "healthy" in make("status")


def test_an_order_is_carried_through_although_parts_crash(printed: str) -> None:
    assert "passed" in make("test", "T=tests/sagas/test_durability.py -k payments")


def test_the_mesh_is_obeyed_and_changed_as_natively(printed: str) -> None:
    make("mesh", "allow", "FROM=orders", "TO=payments", "OFF=1")
    try:
        assert "CONFIRMED" not in make("demo", "MODE=sync", may_fail=True)
    finally:
        make("mesh", "allow", "FROM=orders", "TO=payments", "METHODS=ProcessPayment,CancelPayment")
    assert "CONFIRMED" in make("demo", "MODE=sync")


def test_a_second_instance_comes_and_goes(printed: str) -> None:
    assert "inventory-2" in make("scale", "S=inventory", "N=2")
    assert "CONFIRMED" in make("demo", "MODE=sync")
    assert "inventory-2" not in make("scale", "S=inventory", "N=1")


def test_the_limits_of_memory_hold_under_load(printed: str) -> None:
    said = make("load", "MODE=choreography", "RATE=8", "SECONDS=15")
    assert re.search(r"dropped by the generator 0\b", said)
    assert "money, stock and events add up" in make("audit")
    killed = [name for name, one in inspected().items() if one["State"]["OOMKilled"] or one["RestartCount"]]
    assert killed == []


def test_the_engine_tells_no_secret_of_the_suite(printed: str) -> None:
    mounted = ("--volume", f"{PROJECT}_state:{site.ROOT}/var/suites/main")
    shown = stand_ins.docker("run", "--rm", *mounted, "ordermesh", "cat", "var/suites/main/secrets.json")
    secrets = json.loads(shown)
    told = json.dumps(inspected())
    assert len(secrets) > 5
    assert not [name for name, secret in secrets.items() if secret in told]


def test_no_container_is_root_or_writes_to_its_own_files(printed: str) -> None:
    for name, one in inspected().items():
        assert one["Config"]["User"].split(":")[0] not in ("", "0", "root"), name
        assert one["HostConfig"]["ReadonlyRootfs"], name
        assert one["HostConfig"]["CapDrop"] == ["ALL"], name
        assert one["HostConfig"]["Memory"] > 0, name


def test_what_is_open_outside_is_on_loopback_and_what_is_meant_to_be(printed: str) -> None:
    open_ports = [
        binding
        for one in inspected().values()
        for bindings in (one["NetworkSettings"]["Ports"] or {}).values()
        for binding in bindings or ()
    ]
    assert {binding["HostIp"] for binding in open_ports} == {"127.0.0.1"}
    assert len(open_ports) == len(topology.PUBLISHED)


def test_a_sidecar_and_its_application_share_a_network_and_others_have_their_own(printed: str) -> None:
    found = inspected()
    where = site.described()
    pods = {name: one["Id"] for name, one in found.items() if name.endswith("-pod")}
    for part in site.ours(where):
        instance = site.instance_of(part.name)
        if part.probe in ENVOYS and instance != part.name:
            mode = f"container:{pods[f'{instance}-pod']}"
            assert found[part.name]["HostConfig"]["NetworkMode"] == mode
            assert found[instance]["HostConfig"]["NetworkMode"] == mode
