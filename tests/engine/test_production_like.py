"""Temporal as in production in a suite in containers: on PostgreSQL, with its UI, killed and started anew."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator

import pytest

from ops import topology
from tests.engine import stand_ins
from tests.engine.contained import Contained, needs_engine, started

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]

SUITE = "production"


@pytest.fixture(scope="module")
def suite() -> Iterator[Contained]:
    needs_engine()
    stand_ins.provide_temporal()
    with started(SUITE, "TEMPORAL=production-like") as (contained, _):
        yield contained


def test_an_order_is_orchestrated_and_its_history_is_in_postgresql_and_in_the_ui(suite: Contained) -> None:
    said = suite.make("demo", "MODE=orchestration")
    order = re.search(r"order ([0-9a-f-]{36}): CONFIRMED", said)
    assert order is not None
    port = topology.assign_ports(SUITE)["temporal_ui"]
    assert f"http://localhost:{port}/namespaces/default/workflows/{order[1]}" in said
    api = f"http://localhost:{port}/api/v1/namespaces/default/workflows"
    with urllib.request.urlopen(api, timeout=10) as answer:
        assert order[1] in answer.read().decode()
    assert "temporal" not in {
        mount["Name"].split("_")[1] for mount in suite.inspected()["temporal"]["Mounts"]
    }
    assert "money, stock and events add up" in suite.make("audit")


def test_orders_under_way_survive_a_killed_temporal(suite: Contained) -> None:
    assert "passed" in suite.make("test", "T=tests/sagas/test_durability.py -k temporal")
    assert "money, stock and events add up" in suite.make("audit")


def test_a_second_start_changes_nothing(suite: Contained) -> None:
    before = suite.inspected()["temporal"]["Id"]
    suite.make("up")
    assert suite.inspected()["temporal"]["Id"] == before
    assert "CONFIRMED" in suite.make("demo", "MODE=orchestration")


def test_the_engine_tells_no_password_of_temporal(suite: Contained) -> None:
    mounted = ("--volume", f"{suite.project}_plan-temporal:/plan")
    password = stand_ins.docker("run", "--rm", *mounted, "ordermesh", "cat", "/plan/password")
    assert len(password) > 20
    assert password not in str(suite.inspected())
