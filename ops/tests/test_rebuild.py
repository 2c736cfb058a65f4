"""Which services can be built anew."""

from __future__ import annotations

from dataclasses import replace

from ops import rebuild, state
from ops.site import Site


def test_a_service_that_has_a_module_for_it_can_be_built_anew(site: Site) -> None:
    assert rebuild.rebuildable(replace(site, root=state.ROOT)) == "analytics"
