"""The service as a process of its own: it starts, says nothing secret when it fails, and stops when told."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kit.testing.postgres import scratch_url
from kit.testing.serve import Told
from ordermesh.users.v1 import users_service_pb2 as pb
from ordermesh.users.v1 import users_service_pb2_grpc
from services.users.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ROOT = MIGRATIONS.parents[2]
PASSWORD = "ordermesh-demo"


@asynccontextmanager
async def process(url: str, address: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.users",
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{ROOT / 'protos/gen/python'}",
            "USERS_LISTEN": address,
            "USERS_DATABASE_URL": url,
            "USERS_KEY_SECRET": "a long passphrase",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def healthy(channel: grpc.aio.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    watching = stub.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=20)
    async for answer in watching:
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            break
    watching.cancel()  # an open stream would hold up the drain


async def break_sign_in(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("alter table users rename to hidden")
    await connection.close()


async def test_a_process_signs_in_fails_without_a_secret_and_stops() -> None:
    with tempfile.TemporaryDirectory(prefix="om-") as folder:
        async with scratch_url(MIGRATIONS) as url:
            connection = await asyncpg.connect(url)
            await connection.execute(next((MIGRATIONS.parent / "seeds").glob("*.sql")).read_text())
            await connection.close()
            address = f"unix:{Path(folder) / 'socket'}"
            async with process(url, address) as running, grpc.aio.insecure_channel(address) as channel:
                await healthy(channel)
                stub: Any = users_service_pb2_grpc.UsersServiceStub(channel)
                sign_in = pb.SignInRequest(username="ada", password=PASSWORD)
                assert (await stub.SignIn(sign_in)).token
                await break_sign_in(url)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.SignIn(sign_in)
                assert Told(caught.value).reason == "INTERNAL"
                running.terminate()
                output, _ = await asyncio.wait_for(running.communicate(), 20)
    said = output.decode()
    assert "rpc_failed" in said
    assert PASSWORD not in said
    assert "PRIVATE KEY" not in said
    assert running.returncode == 0
