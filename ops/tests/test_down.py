"""In which order a suite is stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops import down, topology
from ops.site import Site


@pytest.mark.parametrize("mesh", [True, False])
def test_applications_stop_before_their_proxies_and_these_before_the_servers(site: Site, mesh: bool) -> None:
    site = replace(site, mesh=mesh)
    running = [part.name for part in topology.all_parts(site)]
    first, then, last = down.waves(site, running)
    assert sorted([*first, *then, *last]) == sorted(running)
    assert set(last) == {"kafka", "postgres", "temporal"}
    assert {"orders", "overview", "worker", "edge"} <= set(first)
    assert ("mesh" in then, "orders-sidecar" in then) == (mesh, mesh)
    assert bool(then) is mesh
