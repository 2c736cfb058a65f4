"""A whole service in the test's own process: the real server and guard, called through a real channel."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from kit.interceptors import Guard
from kit.run import App
from kit.server import Server


@asynccontextmanager
async def serving(service: str, app: App, address: str = "") -> AsyncIterator[grpc.aio.Channel]:
    """Serve what a service's wiring has built, without its rounds; yields a channel to it.

    The address is a Unix socket: unlike a free port, nobody else can take it in between. A test that serves
    a peer of another service chooses it itself.
    """
    with tempfile.TemporaryDirectory(prefix="om-") as folder:
        address = address or f"unix:{folder}/socket"
        await app.engine.open()
        server = Server(address, Guard(service, app.tokens), app.all_servicers)
        await server.start()
        await server.set_healthy(True)
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                yield channel
        finally:
            await server.stop(1)
            await app.background.drain(1)
            if app.events is not None:
                app.events.close(0)
            for peer in app.peers:
                await peer.close()
            await app.engine.close()


class Told:
    """What an error said on the wire."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.message = error.details() or ""
        self.reason, self.domain, self.metadata = "", "", dict[str, str]()
        self.fields: list[str] = []
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for detail in status.details if status else ():
            if detail.Unpack(info):
                self.reason, self.domain, self.metadata = info.reason, info.domain, dict(info.metadata)
            elif detail.Unpack(bad):
                self.fields = [violation.field for violation in bad.field_violations]
