"""Temporal: a client that connects when it is first used, and a worker as the engine of a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, GrpcCompression
from temporalio.converter import DataConverter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError
from temporalio.worker import Worker

from kit.errors import unavailable
from kit.logs import log

AGAIN_SECONDS = 0.5
CHECK_TIMEOUT = timedelta(seconds=1)


class Temporal:
    """One namespace of a Temporal server."""

    def __init__(
        self,
        address: str,
        namespace: str,
        *,
        converter: DataConverter,
        metrics_address: str | None = None,
        lazy: bool = True,
    ) -> None:
        """Not lazy: for a worker, which wants a client that is connected."""
        self._address = address
        self._namespace = namespace
        self._converter = converter
        self._metrics = PrometheusConfig(bind_address=metrics_address) if metrics_address else None
        self._runtime: Runtime | None = None
        self._lazy = lazy
        self._client: Client | None = None

    async def client(self) -> Client:
        """The client; it finds a server that comes back. A lazy one needs no server until it is used; else
        RuntimeError is raised as long as there is none.
        """
        if self._client is None:
            if self._metrics is not None and self._runtime is None:
                self._runtime = Runtime(telemetry=TelemetryConfig(metrics=self._metrics))
            self._client = await Client.connect(
                self._address,
                namespace=self._namespace,
                data_converter=self._converter,
                runtime=self._runtime,
                grpc_compression=GrpcCompression.NONE,  # it is on this machine, or beside it
                lazy=self._lazy,
            )
        return self._client

    def forget_client(self) -> None:
        """The next client connects anew. One with which a worker has failed refuses a worker of the same
        queue for ever: it takes the failed one for another that polls.
        """
        self._client = None

    async def check(self) -> None:
        """Prove that the server answers; raises a Problem."""
        try:
            await (await self.client()).service_client.check_health(timeout=CHECK_TIMEOUT)
        except (RPCError, RuntimeError) as error:
            raise unavailable("temporal", "Temporal does not answer; try again") from error

    async def find_namespace(self) -> None:
        """Prove that the namespace is there, for a server may answer before it has it; raises RPCError."""
        asked = DescribeNamespaceRequest(namespace=self._namespace)
        client = await self.client()
        await client.workflow_service.describe_namespace(asked, timeout=CHECK_TIMEOUT)


class WorkerEngine:
    """Runs a worker for as long as the process lives; the process is healthy while Temporal answers."""

    def __init__(self, temporal: Temporal, build: Callable[[Client], Worker]) -> None:
        self._temporal = temporal
        self._build = build
        self._worker: Worker | None = None
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to poll as soon as the server is there."""
        self._running = asyncio.create_task(self._run(), name="worker")

    async def check(self) -> None:
        """Prove that the server answers and that we poll; raises a Problem."""
        await self._temporal.check()
        if self._worker is None or not self._worker.is_running:
            raise unavailable("worker", "the worker does not poll yet")

    async def close(self) -> None:
        """Take no more tasks, let those that run finish for the worker's grace, leave."""
        if self._worker is not None and self._worker.is_running:
            await self._worker.shutdown()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        """A worker ends by itself only by a fault that it cannot go on with; then a new one begins."""
        while True:
            try:
                await self._temporal.check()
                await self._temporal.find_namespace()
                self._worker = self._build(await self._temporal.client())
                await self._worker.run()
                return
            except Exception as error:
                if self._worker is not None:
                    self._worker = None
                    self._temporal.forget_client()
                log().warning("worker_waits", cause=type(error).__name__, detail=str(error))
            await asyncio.sleep(AGAIN_SECONDS)
