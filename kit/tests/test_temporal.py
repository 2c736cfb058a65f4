"""The worker's engine on a real dev server that is not ready for it when it comes."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from kit.payloads import data_converter
from kit.temporal import Temporal, WorkerEngine

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "var" / "venv" / "servers" / "bin" / "temporal"
QUEUE = "greetings"
LATER = "comes-later"


@workflow.defn
class Greet:
    """Does nothing but answer."""

    @workflow.run
    async def run(self, name: str) -> str:
        return f"hello {name}"


def worker(client: Client) -> Worker:
    return Worker(client, task_queue=QUEUE, workflows=[Greet], workflow_runner=UnsandboxedWorkflowRunner())


@pytest.fixture
async def server() -> AsyncIterator[Client]:
    started = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(SERVER), dev_server_log_level="error"
    )
    async with started as environment:
        yield environment.client


async def greeted(client: Client) -> str:
    """What the workflow answers, once the server has seen that it has a new namespace."""
    while True:
        try:
            return await client.execute_workflow(
                Greet.run, "you", id=str(uuid.uuid4()), task_queue=QUEUE, run_timeout=timedelta(seconds=30)
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("known", [LATER, "default"], ids=["looks first", "the worker finds out"])
async def test_a_worker_that_comes_before_its_namespace_works_once_it_is_there(
    server: Client, capsys: pytest.CaptureFixture[str], known: str
) -> None:
    address = server.service_client.config.target_host
    temporal = Temporal(address, known, converter=data_converter(), lazy=False)
    engine = WorkerEngine(temporal, lambda client: worker(Client(client.service_client, namespace=LATER)))
    refused, seen = "Namespace comes-later", 0
    await engine.open()
    try:
        async with asyncio.timeout(60):
            # three times: from the second on a client that is kept would refuse for another reason
            while seen < 3:
                lines = capsys.readouterr().out.splitlines()
                seen += sum("worker_waits" in line and refused in line for line in lines)
                await asyncio.sleep(0.1)
            await server.workflow_service.register_namespace(
                RegisterNamespaceRequest(
                    namespace=LATER, workflow_execution_retention_period=Duration(seconds=86400)
                )
            )
            assert await greeted(await Client.connect(address, namespace=LATER)) == "hello you"
        await engine.check()
    finally:
        await engine.close()
