"""Runs the tests of a running suite from inside of its containers, for `make test RUNTIME=compose`."""

import os
import sys

import pytest

from ops import state
from ops.compose.site import SUITE
from ops.run_tests import OVERRIDES
from ops.suite import Suite
from tests.harness.breaking import restart


def main(words: list[str]) -> int:
    """Tell the tests where the suite is, then run them."""
    site = state.load_site(SUITE)
    os.environ["SUITE"] = SUITE
    os.environ["ORDERMESH_TEST_KAFKA"] = site.address("kafka")
    os.environ["ORDERMESH_TEST_POSTGRES"] = site.admin_database_url
    suite = Suite(site)
    for part, override in OVERRIDES.items():
        suite.override(part, override)
        restart(suite, part)
    return int(pytest.main(["-p", "no:cacheprovider", "-m", "suite and not long", *words]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
