"""A Temporal that skips time, and workers of our workflows on it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from kit.payloads import data_converter
from workflows.tests.bench import Bench, register

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "var" / "venv" / "servers" / "bin" / "temporal-test-server"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """The server; it passes hours of waiting at once."""
    assert shutil.which(SERVER), "run `make install`"
    started = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(SERVER), data_converter=data_converter()
    )
    async with started as environment:
        await register(environment.client)
        yield environment


@pytest_asyncio.fixture(loop_scope="module")
async def bench(environment: WorkflowEnvironment) -> AsyncIterator[Bench]:
    """Workers and orders of one test."""
    async with Bench(environment) as bench:
        yield bench
