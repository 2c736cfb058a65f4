"""The gRPC server that proxies talk to, and the folder that its socket stands in."""

from __future__ import annotations

import stat
from pathlib import Path

import grpc
from envoy.service.discovery.v3 import ads_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from mesh.ads import AdsServicer
from mesh.private_files import TooOpen

_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
]


class AdsServer:
    """Serves the proxies on one address, and says that it does: by that they choose between two servers."""

    def __init__(self, address: str, servicer: AdsServicer) -> None:
        self._address = address
        self._server = grpc.aio.server(options=_OPTIONS)
        self._health = health.aio.HealthServicer()
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self) -> None:
        """Listen. Raises RuntimeError when the address is taken, TooOpen when others may enter its folder."""
        make_way(self._address)
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        self._server.add_insecure_port(self._address)
        await self._server.start()

    async def stop(self) -> None:
        """End the streams; the proxies go on with what they have."""
        await self._server.stop(0)


def make_way(address: str) -> None:
    """Make the folder of a socket, open to its owner only; raises TooOpen if others may enter it already.

    The folder is what protects the socket: its own mode is set only after it listens.
    """
    path = address.removeprefix("unix:")
    if path == address:
        return
    folder = Path(path).parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        raise TooOpen(
            f"{folder.absolute()} has mode {mode:04o}, and others could open the socket {path}:"
            f" `chmod 700` it, or put the socket into a folder of its own"
        )
