"""The BFF before services that are kept in memory."""

from collections.abc import AsyncIterator

import pytest

from bff.web.tests.client import Web, web
from bff.web.tests.shop import stocked


@pytest.fixture
async def ada() -> AsyncIterator[Web]:
    """The web, as ada uses it."""
    async with web(stocked()) as found:
        yield found
