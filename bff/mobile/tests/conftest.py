"""The BFF before services that are kept in memory."""

from collections.abc import AsyncIterator

import pytest

from bff.mobile.tests.client import Mobile, mobile
from bff.mobile.tests.shop import stocked


@pytest.fixture
async def ada() -> AsyncIterator[Mobile]:
    """The app, as ada uses it."""
    async with mobile(stocked()) as found:
        yield found
