"""How sure a share is, and what the rows of the labs are."""

from __future__ import annotations

import pytest

from mesh import policy_reading
from mesh.methods import METHODS
from mesh.policy import Policy
from ops import lab_availability, state
from ops.lab import Share
from ops.lab_availability import CHAIN, Trial, edits, product, trials
from ordermesh.orders.v1 import orders_pb2

TEXT = (state.ROOT / "envoy" / "mesh.yaml").read_text()


@pytest.mark.parametrize(
    ("count", "total", "low", "high"), [(0, 40, 0.0, 0.088), (40, 40, 0.912, 1.0), (85, 100, 0.767, 0.907)]
)
def test_the_interval_is_wilson_s(count: int, total: int, low: float, high: float) -> None:
    found = Share(count, total).interval
    assert list(found) == pytest.approx([low, high], abs=1e-3)


def test_three_services_at_five_percent_let_six_of_seven_through() -> None:
    assert product(5, CHAIN) == pytest.approx(0.857375)
    assert product(0.5, CHAIN) == pytest.approx(0.985, abs=1e-3)


def under(trial: Trial) -> Policy:
    text = TEXT
    for edit in edits(trial):
        text = edit(text)
    return policy_reading.parse(text)


@pytest.mark.parametrize("trial", [*trials(20)], ids=lambda trial: f"{trial.percent:g}-{trial.again}")
def test_a_row_refuses_calls_of_orders_there_and_nowhere_else(trial: Trial) -> None:
    policy = under(trial)
    refused = {m.workload: i for m in METHODS if (i := policy.injected("orders", m)) is not None}
    assert set(refused) == set(trial.at)
    assert {injected.abort_percentage for injected in refused.values()} == {trial.percent}
    assert not [m for m in METHODS if policy.injected("worker", m)]


def test_without_second_tries_nothing_in_the_chain_is_tried_again() -> None:
    alone = next(one for one in trials(20) if not one.again)
    policy = under(alone)
    assert not [m for name in CHAIN for m in policy.traffic[name].methods.values() if m.retry_on]
    again = next(one for one in trials(20) if one.again)
    assert all(under(again).traffic[name].methods["Check"].retry_on for name in CHAIN)


def test_the_last_rows_are_the_two_coordinations_with_nobody_behind() -> None:
    sync, choreography = list(trials(20))[-2:]
    assert (sync.coordination, sync.percent) == (orders_pb2.COORDINATION_SYNC, 100.0)
    assert choreography.coordination == orders_pb2.COORDINATION_CHOREOGRAPHY
    assert {sync.at, choreography.at} == {lab_availability.BEHIND}
