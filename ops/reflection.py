"""Answer gRPC reflection and health for the edge, which stands in front of many services.

Two addresses: one for the public entry, which describes what that serves, and one for the operator's, with
every service of OrderMesh. Environment: REFLECTION_EDGE_LISTEN, REFLECTION_OPERATOR_LISTEN (sockets).
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.rpc import error_details_pb2  # noqa: F401 - described too: clients show an error's details by it
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

import ordermesh

PUBLIC = (
    "ordermesh.users.v1.UsersService",
    "ordermesh.products.v1.ProductsService",
    "ordermesh.orders.v1.OrdersService",
    "ordermesh.shipping.v1.TrackingService",
    "ordermesh.overview.v1.OverviewService",
)
NOT_IN_THE_MESH = "ordermesh.mesh."
"""The control plane's API: on a socket of its own, behind no door of the edge."""
ALWAYS = (reflection.SERVICE_NAME, health.SERVICE_NAME)


def generated_modules(kind: str = "service") -> list[str]:
    """Names of all generated modules that hold this kind of thing: `service`, or `events`."""
    roots = [Path(place) for place in ordermesh.__path__]
    found = [(root, path) for root in roots for path in sorted(root.rglob(f"*_{kind}_pb2.py"))]
    return [".".join(path.relative_to(root.parent).with_suffix("").parts) for root, path in found]


def all_services() -> tuple[str, ...]:
    """Full names of every service that is called; importing its module also registers its description."""
    modules = [importlib.import_module(name) for name in generated_modules()]
    files: list[FileDescriptor] = [module.DESCRIPTOR for module in modules]
    names = (service.full_name for file in files for service in file.services_by_name.values())
    return tuple(name for name in names if not name.startswith(NOT_IN_THE_MESH))


async def start(listen: str, services: Iterable[str]) -> grpc.aio.Server:
    """A server on one address that describes the given services and is always healthy."""
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection((*services, *ALWAYS), server)
    server.add_insecure_port(listen)
    await server.start()
    return server


async def serve(public_listen: str, all_listen: str) -> None:
    """Both addresses, until SIGTERM."""
    every = all_services()
    servers = [await start(public_listen, PUBLIC), await start(all_listen, every)]
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await asyncio.gather(*(server.stop(grace=0.5) for server in servers))


def main() -> None:
    """Read the environment and serve."""
    asyncio.run(serve(os.environ["REFLECTION_EDGE_LISTEN"], os.environ["REFLECTION_OPERATOR_LISTEN"]))


if __name__ == "__main__":
    main()
