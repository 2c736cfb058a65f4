"""Ask a part whether it can do its work now: a real answer of the part itself, never a mere open port.

A probe returns None when the part is ready, else a short reason. It takes at most SECONDS.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ops import processes
from ops.part import Part, ProbeKind
from ops.site import HOST, Site
from ops.supervision import Supervisor

SECONDS = 2.0
Probe = Callable[[Site, Part], Awaitable[str | None]]
Call = Callable[..., Awaitable[Any]]  # a method of a channel; grpcio has no type for it
# DescribeNamespaceRequest{namespace: "default"}, by hand: the Temporal client takes a second to import
DESCRIBE_DEFAULT_NAMESPACE = b"\x0a\x07default"


async def ready(site: Site, part: Part) -> str | None:
    """Probe one part once; any failure is a reason, not an exception."""
    if reason := await _closed_port(site, part):
        return reason
    try:
        async with asyncio.timeout(SECONDS):
            return await PROBES[part.probe](site, part)
    except TimeoutError:
        return f"no answer within {SECONDS:.0f} s"
    except Exception as error:
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120] if str(error) else ''}"


async def wait_ready(site: Site, part: Part, seconds: float, alive: Callable[[], str | None]) -> str | None:
    """Poll until ready, until `alive` gives the reason why it never will be, or until the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while (reason := await ready(site, part)) is not None:
        if (dead := await asyncio.to_thread(alive)) is not None:
            return dead
        if loop.time() > deadline:
            return f"not ready after {seconds:.0f} s: {reason}"
        await asyncio.sleep(0.1)
    return None


async def _closed_port(site: Site, part: Part) -> str | None:
    for name in part.ports:
        if site.contained and name not in site.hosts:
            continue  # open inside of its own container only
        try:
            async with asyncio.timeout(SECONDS):
                _, writer = await asyncio.open_connection(site.host(name), site.ports[name])
        except (OSError, TimeoutError):
            return f"port {site.ports[name]} ({name}) does not answer"
        await _close(writer)
    return None


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # the other side may have closed first
        await writer.wait_closed()


async def _postgres(site: Site, part: Part) -> str | None:
    import asyncpg

    connection = await asyncpg.connect(site.admin_database_url, ssl=False)
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()
    return None


async def _kafka(site: Site, part: Part) -> str | None:
    from confluent_kafka.admin import AdminClient

    settings = {"bootstrap.servers": site.address("kafka"), "log_level": 0}
    found = await asyncio.to_thread(lambda: AdminClient(settings).list_topics(timeout=SECONDS))
    return None if found.brokers else "no broker registered yet"


async def _grpc(site: Site, part: Part) -> str | None:
    for address in part.asked:
        if reason := await _health(address):
            return reason
    return None


async def _health(address: str, service: str = "") -> str | None:
    import grpc
    from grpc_health.v1 import health_pb2

    async with grpc.aio.insecure_channel(address) as channel:
        check: Call = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = await check(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)
        except grpc.aio.AioRpcError as error:
            return f"health: {error.code().name}"
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return f"health: {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}"
    return None


async def _portless(site: Site, part: Part) -> str | None:
    """Its process has one port, which the system has chosen: there its health is asked."""
    state = (await asyncio.to_thread(Supervisor(site).states)).get(part.name)
    if state is None or not state.pid:
        return "its process does not run"
    port = processes.listens_at(state.pid)
    return await _health(f"{HOST}:{port}") if port else "it does not listen yet"


async def _temporal(site: Site, part: Part) -> str | None:
    import grpc

    if reason := await _health(site.address("temporal"), "temporal.api.workflowservice.v1.WorkflowService"):
        return reason
    async with grpc.aio.insecure_channel(site.address("temporal")) as channel:
        # the health service answers before the default namespace exists
        describe: Call = channel.unary_unary(
            "/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace"
        )
        try:
            await describe(DESCRIBE_DEFAULT_NAMESPACE, timeout=SECONDS)
        except grpc.aio.AioRpcError as error:
            return f"default namespace: {error.code().name}"
    return None


async def _get(site: Site, port: str, path: str) -> bytes:
    return await _answer(*await asyncio.open_connection(site.host(port), site.ports[port]), path)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bytes:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read(4096)
    await _close(writer)
    return answer


async def _envoy(site: Site, part: Part) -> str | None:
    return None if b"LIVE" in await _get(site, "envoy_admin", "/ready") else "admin /ready: not live"


async def _sidecar(site: Site, part: Part) -> str | None:
    for path in part.asked:
        answer = await _answer(*await asyncio.open_unix_connection(path), "/ready")
        if b"LIVE" not in answer:
            return "admin /ready: not live"
    return None


async def _http(site: Site, part: Part) -> str | None:
    for address in part.asked or (site.address(part.ports[0]),):
        if address.startswith("unix:"):
            opened = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            opened = await asyncio.open_connection(host, int(port))
        if not (await _answer(*opened, "/healthz")).startswith(b"HTTP/1.1 200"):
            return "/healthz: not 200"
    return None


async def _smtp(site: Site, part: Part) -> str | None:
    reader, writer = await asyncio.open_connection(site.host("smtp"), site.ports["smtp"])
    greeting = await reader.readline()
    await _close(writer)
    return None if greeting.startswith(b"220") else "no SMTP greeting"


PROBES: Mapping[ProbeKind, Probe] = {
    ProbeKind.POSTGRES: _postgres,
    ProbeKind.KAFKA: _kafka,
    ProbeKind.TEMPORAL: _temporal,
    ProbeKind.ENVOY: _envoy,
    ProbeKind.GRPC: _grpc,
    ProbeKind.SMTP: _smtp,
    ProbeKind.SIDECAR: _sidecar,
    ProbeKind.HTTP: _http,
    ProbeKind.PORTLESS: _portless,
}
