"""A gRPC server (asyncio): health, reflection, and `kit.interceptors` around every method."""

from collections.abc import Mapping

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from kit.interceptors import Guard

# One above our own limit, so that we are the ones who answer an oversized message, with a reason.
_HARD_LIMIT_BYTES = 1024 * 1024
_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", _HARD_LIMIT_BYTES),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Server:
    """Serves some proto services on one address."""

    def __init__(self, address: str, guard: Guard, servicers: Mapping[str, object]) -> None:
        self._address = address
        self._guard = guard
        self._names = ["", *servicers]
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(options=_OPTIONS)
        pool = descriptor_pool.Default()
        for name, servicer in servicers.items():
            methods = pool.FindServiceByName(name).methods
            handlers = {m.name: guard.handler(m, getattr(servicer, m.name)) for m in methods}
            self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, handlers)])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            [*servicers, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server
        )

    async def start(self) -> None:
        """Listen; not healthy yet. Raises RuntimeError when the address is taken."""
        await self.set_healthy(False)
        self._server.add_insecure_port(self._address)
        await self._server.start()

    async def set_healthy(self, healthy: bool) -> None:
        """Tell whoever checks whether to send requests here."""
        for name in self._names:
            await self._health.set(name, _SERVING if healthy else _NOT_SERVING)

    async def stop(self, grace: float) -> None:
        """Take no more requests, let the running ones finish for `grace` seconds, cancel the rest."""
        self._guard.drain()
        await self._server.stop(grace)
