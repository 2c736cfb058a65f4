"""The backend before services that are kept in memory."""

from collections.abc import AsyncIterator

import pytest

from bff.partner.tests.client import Partner, partner
from bff.partner.tests.shop import stocked


@pytest.fixture
async def ada() -> AsyncIterator[Partner]:
    """The API, as a program of ada's uses it."""
    async with partner(stocked()) as found:
        yield found
