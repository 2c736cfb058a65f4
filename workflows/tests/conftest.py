"""A Temporal that skips time, one a test, and workers of our workflows on it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from kit.payloads import data_converter
from workflows.tests.bench import Bench, register

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "var" / "venv" / "servers" / "bin" / "temporal-test-server"


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Workers and orders of one test, on a server that passes hours of waiting at once. Not shared: what one
    test leaves open keeps the clock of all from skipping.
    """
    assert shutil.which(SERVER), "run `make install`"
    started = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(SERVER), data_converter=data_converter()
    )
    async with started as environment:
        await register(environment.client)
        async with Bench(environment) as bench:
            yield bench
