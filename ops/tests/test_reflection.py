"""What reflection tells at the edge, asked by a real client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ops import mesh_parts, probes, reflection, state, topology
from ops.site import Site


def described(site: Site, entry: str) -> str:
    return f"unix:{mesh_parts.reflection(site, entry)}"


@pytest.fixture
async def both(site: Site) -> AsyncIterator[Site]:
    state.private_folder(site.directory / "sockets" / "reflection")
    servers = [
        await reflection.start(described(site, "edge"), reflection.PUBLIC),
        await reflection.start(described(site, "operator"), reflection.all_services()),
    ]
    yield site
    for server in servers:
        await server.stop(None)


async def listed(address: str) -> set[str]:
    """Names of the services that a reflection client is told."""
    async with grpc.aio.insecure_channel(address) as channel:
        # the generated stub takes both kinds of channel; its types know the blocking one only
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
        request = reflection_pb2.ServerReflectionRequest(list_services="*")
        async for answer in stub.ServerReflectionInfo(iter([request])):
            return {service.name for service in answer.list_services_response.service}
    return set()


async def test_the_public_answer_names_the_public_services_only(both: Site) -> None:
    ours = {name for name in await listed(described(both, "edge")) if "ordermesh" in name}
    assert ours == set(reflection.PUBLIC)


async def test_the_operators_answer_names_every_service(both: Site) -> None:
    found = await listed(described(both, "operator"))
    assert set(reflection.PUBLIC) < found
    assert {"ordermesh.processor.v1.ProcessorService", "ordermesh.inventory.v1.InventoryService"} < found


async def test_the_control_planes_own_api_is_told_at_no_door(both: Site) -> None:
    for entry in ("edge", "operator"):
        assert not [
            name for name in await listed(described(both, entry)) if name.startswith("ordermesh.mesh.")
        ]


async def test_both_addresses_are_healthy(both: Site) -> None:
    part = next(part for part in topology.tool_parts(both) if part.name == "reflection")
    assert await probes.ready(both, part) is None
