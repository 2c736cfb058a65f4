"""The public entry without the mesh as a real Envoy, and behind it all that it calls: one backend that
answers with messages of the right types, and keeps what it heard.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import httpx
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from grpc_status import rpc_status

from kit.errors import Problem, to_status
from kit.testing.tokens import Issuer
from ops import mesh_parts, probes, storage
from ops.client import Metadata
from ops.site import Site
from ordermesh.users.v1 import users_service_pb2

CALLED = ("users", "products", "orders", "shipping", "overview")
USER = uuid.UUID(int=1)
TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass
class Call:
    """One call as it reached the backend."""

    method: str
    request: Any
    metadata: dict[str, str]


@dataclass
class Backend(grpc.GenericRpcHandler):
    """Answers every method with an empty message, or as it is told."""

    heard: list[Call] = field(default_factory=list)
    issuer: Issuer = field(default_factory=Issuer)
    answers: dict[str, Message | Problem | float] = field(default_factory=dict)
    """By the method's name: what to answer, what to refuse with, or for how many seconds to say nothing."""
    events: asyncio.Queue[Message | None] = field(default_factory=asyncio.Queue)
    """What a stream sends; None ends it."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        service, name = details.method.strip("/").split("/")
        method = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._stream(method, details.method))
        return grpc.unary_unary_rpc_method_handler(self._unary(method, details.method))

    async def _hear(self, method: MethodDescriptor, path: str, request: bytes, context: Any) -> Any:
        message = message_factory.GetMessageClass(method.input_type).FromString(request)
        metadata = {key: str(value) for key, value in context.invocation_metadata()}
        answer = self.answers.get(method.name)
        if method.name == "GetPublicKeys" and "python" not in metadata["user-agent"]:  # the entry itself asks
            return answer or await self.keys()
        self.heard.append(Call(path, message, metadata))
        if isinstance(answer, Problem):
            await context.abort_with_status(rpc_status.to_status(to_status(answer, "orders", TRACE)))
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        return answer

    async def keys(self) -> Message:
        """What the users service would answer."""
        keys = json.loads(await self.issuer.jwks())["keys"]
        return users_service_pb2.GetPublicKeysResponse(
            keys=[users_service_pb2.PublicKey(**key) for key in keys]
        )

    def _unary(self, method: MethodDescriptor, path: str) -> Callable[[bytes, Any], Any]:
        async def answer(request: bytes, context: Any) -> bytes:
            told = await self._hear(method, path, request, context)
            empty = message_factory.GetMessageClass(method.output_type)()
            return (told if isinstance(told, Message) else empty).SerializeToString()

        return answer

    def _stream(self, method: MethodDescriptor, path: str) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
        async def answer(request: bytes, context: Any) -> AsyncIterator[bytes]:
            await self._hear(method, path, request, context)
            while (event := await self.events.get()) is not None:
                yield event.SerializeToString()

        return answer


@dataclass(frozen=True)
class Edge:
    """The entries of a site, and what is behind them."""

    site: Site
    backend: Backend
    http: httpx.AsyncClient  # of the public entry

    @property
    def metadata(self) -> Metadata:
        """The credentials of a customer."""
        return self.backend.issuer.authorization(USER)

    async def call(self, method: str, path: str, **more: Any) -> tuple[httpx.Response, Call | None]:
        """Ask the public entry; its answer, and what the backend heard of it."""
        self.backend.heard.clear()
        answer = await self.http.request(method, path, **more)
        assert len(self.backend.heard) < 2
        return answer, next(iter(self.backend.heard), None)


@asynccontextmanager
async def edge(
    site: Site, *names: str, down: bool = False, change: Callable[[str], str] = str
) -> AsyncIterator[Edge]:
    """The named entries, or the public one; `change` is done to their configurations before they start."""
    site, backend = replace(site, mesh=False), Backend()
    async with AsyncExitStack() as stack:
        server = grpc.aio.server(handlers=[backend])
        for name in () if down else CALLED:
            server.add_insecure_port(site.address(name))
        await server.start()
        stack.push_async_callback(server.stop, None)
        for part in mesh_parts.entries(site):
            if part.name not in (names or ("edge",)):
                continue
            storage.prepare(site, part.name)
            rendered = site.prepared(part.name, "run") / f"{part.name}.yaml"
            rendered.write_text(change(rendered.read_text()))
            envoy = await asyncio.create_subprocess_exec(*part.command, stderr=subprocess.DEVNULL)
            stack.push_async_callback(_end, envoy)
            assert await probes.wait_ready(site, part, 20, lambda: None) is None
        address = f"http://127.0.0.1:{site.ports['edge']}"
        token = {"authorization": f"Bearer {backend.issuer.token(USER)}"}
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=address, headers=token))
        yield Edge(site, backend, http)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):  # it refused its configuration, and the test says so
        process.terminate()
    await process.wait()
