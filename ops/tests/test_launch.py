"""The launcher, run as supervisor runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from ops import storage
from ops.site import Site
from ops.supervision import launcher

SHOW = "import os, json; print(json.dumps(dict(os.environ)))"


def launch(site: Site, name: str) -> dict[str, str]:
    """The environment that the part finds."""
    done = subprocess.run(launcher(site, name), cwd=site.root, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.fixture
def part(site: Site) -> str:
    plan = {"command": [sys.executable, "-c", SHOW], "environment": {"ORDERS_PROFILE": "dev"}}
    (site.directory / "env" / "orders.json").write_text(json.dumps(plan))
    return "orders"


def ours(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what Python or the system's loader add by themselves."""
    return {name: value for name, value in environment.items() if name.startswith(("ORDER", "PATH", "HOME"))}


def test_a_part_gets_exactly_its_plan_and_the_mark_of_its_suite(site: Site, part: str) -> None:
    assert ours(launch(site, part)) == {
        "ORDERS_PROFILE": "dev",
        "ORDERMESH_SUITE_DIR": str(site.directory),
    }


def test_an_override_wins_until_it_is_taken_back(site: Site, part: str) -> None:
    storage.write_override(site, part, {"ORDERS_CRASH_AT": "orders.after_commit", "ORDERS_PROFILE": "test"})
    overridden = launch(site, part)
    assert overridden["ORDERS_CRASH_AT"] == "orders.after_commit"
    assert overridden["ORDERS_PROFILE"] == "test"
    storage.write_override(site, part, {})
    assert "ORDERS_CRASH_AT" not in launch(site, part)


def test_the_launcher_needs_nothing_but_the_standard_library(site: Site) -> None:
    source = (site.root / launcher(site, "orders")[3]).read_text()
    lines = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert {line.split()[1] for line in lines} <= sys.stdlib_module_names


def test_an_override_can_be_added_to_and_put_back(site: Site, part: str) -> None:
    storage.write_override(site, part, {"ORDERS_LEASE_SECONDS": "3"})
    before = storage.read_override(site, part)
    storage.write_override(site, part, {**before, "ORDERS_CRASH_AT": "orders.after_commit"})
    storage.write_override(site, part, before)
    assert storage.read_override(site, part) == {"ORDERS_LEASE_SECONDS": "3"}
    storage.write_override(site, part, {})
    assert storage.read_override(site, part) == {}
