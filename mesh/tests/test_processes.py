"""The control plane and its node cache as processes of their own, in one folder, by sockets only."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh.tests.answers import eventually
from mesh.tests.fleet import ROOT
from ordermesh.mesh.v1 import mesh_service_pb2 as pb
from ordermesh.mesh.v1 import mesh_service_pb2_grpc

pytestmark = pytest.mark.processes

SECONDS = 20.0


class Processes:
    """Both, with paths relative to the folder that they are started in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, module: str) -> None:
        python_path = os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen" / "python")])
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": python_path,
            "MESH_LISTEN": "unix:run/api",
            "MESH_XDS_LISTEN": "unix:run/xds",
            "MESH_DIRECTORY": "mesh",
            "MESH_POLICY": str(ROOT / "envoy" / "mesh.yaml"),
            "MESHCACHE_LISTEN": "unix:run/cache-health",
            "MESHCACHE_XDS_LISTEN": "unix:run/cache",
            "MESHCACHE_CONTROL_PLANE": "unix:run/xds",
            "MESHCACHE_DIRECTORY": "mesh",
        }
        self._running[module] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=self.folder, env=environment
        )

    async def kill(self, module: str) -> None:
        self._running[module].kill()
        await self._running[module].wait()

    async def stop(self) -> None:
        for process in self._running.values():
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), SECONDS)

    async def serves(self, socket: str) -> bool:
        async with grpc.aio.insecure_channel(f"unix:{self.folder}/run/{socket}") as channel:
            stub: Any = health_pb2_grpc.HealthStub(cast("Any", channel))
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
            except grpc.aio.AioRpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    found = Processes(tmp_path)
    yield found
    await found.stop()


async def test_both_serve_on_sockets_that_only_their_owner_reaches_also_after_a_kill(
    processes: Processes,
) -> None:
    for module, sockets in (("mesh", ("api", "xds")), ("mesh.node_cache", ("cache-health", "cache"))):
        for _ in range(2):
            await processes.start(module)
            for socket in sockets:
                await eventually(lambda socket=socket: processes.serves(socket))  # type: ignore[misc]
            await processes.kill(module)
        await processes.start(module)
    run = processes.folder / "run"
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    await eventually(lambda: processes.serves("api"))
    async with grpc.aio.insecure_channel(f"unix:{run}/api") as channel:
        state = await mesh_service_pb2_grpc.MeshServiceStub(channel).GetPolicyState(
            pb.GetPolicyStateRequest(), timeout=5
        )
    assert state.in_force
