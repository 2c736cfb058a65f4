"""What several tests of sagas need to be true of the suite."""

from collections.abc import Iterator

import pytest

from ops.suite import Suite
from tests.harness.breaking import restart


@pytest.fixture
def short_hold(suite: Suite) -> Iterator[None]:
    """Holds are overdue at once."""
    before = suite.overrides("inventory")
    suite.override("inventory", {**before, "INVENTORY_HOLD": "0.2", "INVENTORY_SWEEP_SECONDS": "0.1"})
    restart(suite, "inventory")
    yield
    suite.override("inventory", before)
    restart(suite, "inventory")
