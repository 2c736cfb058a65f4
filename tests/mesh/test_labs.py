"""The claims about latency and availability, as the labs show them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import pytest

from ops import lab_availability
from ops.suite import Suite
from tests.harness.breaking import wait_until_nothing_is_open

pytestmark = [pytest.mark.suite, pytest.mark.timeout(600)]

ORDERS = 300


def printed(suite: Suite, lab: str, orders: int) -> list[dict[str, object]]:
    """What `make lab-… JSON=1` prints."""
    environment = {**os.environ, "SUITE": suite.name, "N": str(orders), "JSON": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", lab.replace("-", "_")],
        cwd=suite.site.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_a_chain_is_as_slow_as_its_calls_and_a_choreography_is_not(suite: Suite) -> None:
    before = (suite.site.root / suite.site.policy).read_text()
    rows = {(row["coordination"], row["delays"] != "none"): row for row in printed(suite, "lab-latency", 10)}
    assert int(str(rows["SYNC", True]["answered min ms"])) >= 250
    waited = int(str(rows["CHOREOGRAPHY", True]["answered p50 ms"]))
    assert waited < int(str(rows["SYNC", True]["answered min ms"]))
    assert (suite.site.root / suite.site.policy).read_text() == before


def test_availability_is_the_product_and_second_tries_give_it_back(suite: Suite) -> None:
    alone, rarely, again, choreographed, none, accepted = printed(suite, "lab-availability", ORDERS)
    expected = lab_availability.product(5, lab_availability.CHAIN)
    assert expected == pytest.approx(0.857, abs=0.001)
    spread = math.sqrt(expected * (1 - expected) / ORDERS)
    assert abs(share(alone) - expected) < 4 * spread
    assert share(rarely) > share(alone)
    assert share(again) >= 0.99
    assert share(choreographed) >= 0.99
    assert (share(none), share(accepted)) == (0.0, 1.0)
    assert wait_until_nothing_is_open(suite).violations == []


def share(row: dict[str, object]) -> float:
    return float(str(row["accepted %"])) / 100
