"""A second instance of a service beside supervisor's own: same database, same group, another address."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ops.suite import Suite
from tests.harness.breaking import wait_for

ROOT_SECONDS = 20.0


@contextmanager
def second_instance(suite: Suite, part: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one more process of a part for the length of a block; it is healthy when the block begins, and in
    the end it is asked to stop, unless the block has killed it.
    """
    plan = json.loads((suite.site.prepared(part, "env") / f"{part}.json").read_text())
    address = f"127.0.0.1:{free_port()}"
    environment = plan["environment"] | {f"{part.upper()}_LISTEN": address}
    process = subprocess.Popen(
        plan["command"], cwd=suite.site.root, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: is_healthy(address), f"the second {part} to be healthy")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(ROOT_SECONDS)


def is_healthy(address: str) -> bool:
    """Whether a service answers SERVING there."""
    with grpc.insecure_channel(address) as channel:
        try:
            request = health_pb2.HealthCheckRequest()
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(request, timeout=2)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def free_port() -> int:
    """A port that nobody listens on now; below the range from which the system itself chooses."""
    for port in range(31000 + os.getpid() % 700, 32700):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no free port")
