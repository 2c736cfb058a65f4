"""The parts that carry workflows, without versions and with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops import workers
from ops.part import ProbeKind
from ops.site import Site, Workers

OLD = {"WORKFLOWS_PROFILE": "dev", "WORKFLOWS_ORDERS_ADDRESS": "127.0.0.1:1", "WORKFLOWS_GONE": "kept"}


@pytest.fixture
def versioned(encrypting: Site) -> Site:
    return replace(encrypting, workers=Workers("bbbbbbbbbb", {"aaaaaaaaaa": OLD}))


def test_without_versions_there_is_one_worker_and_it_is_the_checkout(site: Site) -> None:
    (worker,) = workers.parts(site)
    assert worker.name == "worker"
    assert worker.command == (str(site.python), "-m", "workflows")
    assert not {"PYTHONPATH", "WORKFLOWS_BUILD_ID"} & set(worker.environment)


def test_a_version_runs_from_the_copy_of_its_code_and_says_which_it_is(versioned: Site) -> None:
    for part, build in zip(workers.parts(versioned), ("aaaaaaaaaa", "bbbbbbbbbb"), strict=True):
        code = versioned.directory / "workers" / build
        assert part.environment["WORKFLOWS_BUILD_ID"] == build
        assert part.environment["PYTHONPATH"] == f"{code}:{code}/protos/gen/python"
        assert "-P" in part.command  # else the checkout, which is the working folder, would come first


def test_the_current_one_has_the_ports_and_comes_after_the_old_ones(versioned: Site) -> None:
    old, current = workers.parts(versioned)
    assert (old.name, old.ports, old.probe) == ("worker-aaaaaaaaaa", (), ProbeKind.PORTLESS)
    assert old.environment["WORKFLOWS_LISTEN"] == "127.0.0.1:0"
    assert "WORKFLOWS_METRICS_ADDRESS" not in old.environment
    assert (current.name, current.ports) == ("worker", ("worker_metrics",))
    assert current.after == (old.name,)


def test_an_old_build_is_told_what_it_knows_at_today_s_values_and_nothing_else(versioned: Site) -> None:
    told = dict(workers.parts(versioned)[0].environment)
    assert {name: told.pop(name) for name in OLD} == {
        "WORKFLOWS_PROFILE": "dev",
        "WORKFLOWS_ORDERS_ADDRESS": versioned.peer("worker", "orders"),
        "WORKFLOWS_GONE": "kept",
    }
    assert set(told) == {"PYTHONPATH", "WORKFLOWS_BUILD_ID", "WORKFLOWS_LISTEN", "WORKFLOWS_PAYLOAD_KEYS"}


def test_a_build_is_kept_with_an_environment_that_holds_no_secret(versioned: Site) -> None:
    assert versioned.payload_keys not in workers.setting(versioned).values()
