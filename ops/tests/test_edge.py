"""The two entries without the mesh, as real Envoys in front of a backend that answers what reached it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import grpc
import pytest

from ops import event_parts, mesh_parts, probes, storage
from ops.event_parts import PART_HEADER
from ops.site import Site

pytestmark = pytest.mark.processes

USERS = "/ordermesh.users.v1.UsersService/SignIn"
CONTACTS = "/ordermesh.users.v1.ContactsService/GetContact"
EVENTS = "/ordermesh.events.v1.EventsService/GetEventFlow"
INVENTORY = "/ordermesh.inventory.v1.InventoryService/GetStock"


class Echo(grpc.GenericRpcHandler):
    """Answers every unary call with the metadata that it got, one `key=value` a line."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            pairs = [*(context.invocation_metadata() or ()), ("deadline", context.time_remaining())]
            return "\n".join(f"{key}={value!s}" for key, value in pairs).encode()

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def straight(site: Site) -> Site:
    """A site without the mesh."""
    return replace(site, mesh=False)


@pytest.fixture
async def edge(straight: Site) -> AsyncIterator[Site]:
    """Both entries with users and inventory behind them, and nothing behind the others."""
    backend = grpc.aio.server(handlers=[Echo()])
    for name in ("users", "inventory"):
        backend.add_insecure_port(straight.address(name))
    await backend.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(backend.stop, None)
        for part in mesh_parts.entries(straight):
            storage.prepare(straight, part.name)
            envoy = await asyncio.create_subprocess_exec(*part.command, stderr=subprocess.DEVNULL)
            stack.push_async_callback(envoy.wait)
            stack.callback(envoy.terminate)
            assert await probes.wait_ready(straight, part, 20, lambda: None) is None
        yield straight


async def call(
    site: Site, entry: str, method: str, *metadata: tuple[str, str], timeout: float = 10
) -> dict[str, str]:
    """Call by the given entry; the metadata that reached the backend."""
    async with grpc.aio.insecure_channel(site.address(entry)) as channel:
        stub: Any = channel.unary_unary(method)
        answer: bytes = await stub(b"", metadata=metadata, timeout=timeout)
    return dict(line.partition("=")[::2] for line in answer.decode().splitlines())


async def refusal(site: Site, entry: str, method: str, *metadata: tuple[str, str]) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(site, entry, method, *metadata)
    return caught.value.code()


@pytest.mark.parametrize("mesh", [True, False])
def test_the_rendered_configurations_are_valid(site: Site, mesh: bool) -> None:
    made = replace(site, mesh=mesh)
    for part in mesh_parts.entries(made):
        storage.prepare(made, part.name)
        done = subprocess.run(
            (*part.command, "--mode", "validate"), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


async def test_a_public_method_arrives_marked_as_from_the_edge(edge: Site) -> None:
    assert (await call(edge, "edge", USERS))["x-ordermesh-entry"] == "edge"


async def test_what_a_client_says_about_itself_does_not_pass(edge: Site) -> None:
    forged = [("x-ordermesh-entry", "operator"), ("x-ordermesh-caller", "orders")]
    arrived = await call(edge, "edge", USERS, *forged, ("x-request-note", "hello"))
    assert arrived["x-ordermesh-entry"] == "edge"
    assert "x-ordermesh-caller" not in arrived
    assert arrived["x-request-note"] == "hello"


async def test_an_internal_method_is_not_served_at_the_public_edge(edge: Site) -> None:
    assert await refusal(edge, "edge", INVENTORY) is grpc.StatusCode.UNIMPLEMENTED
    assert await refusal(edge, "edge", CONTACTS) is grpc.StatusCode.UNIMPLEMENTED


async def test_the_operator_reaches_internal_methods(edge: Site) -> None:
    assert (await call(edge, "operator", INVENTORY))["x-ordermesh-entry"] == "operator"
    assert (await call(edge, "operator", CONTACTS))["x-ordermesh-entry"] == "operator"


async def test_the_part_that_the_operator_names_is_asked_about_its_events(edge: Site) -> None:
    arrived = await call(edge, "operator", EVENTS, (PART_HEADER, "inventory"))
    assert arrived["x-ordermesh-entry"] == "operator"


@pytest.mark.parametrize("named", [(), ((PART_HEADER, "products"),), ((PART_HEADER, "Inventory"),)])
async def test_without_one_known_part_the_answer_names_the_header_and_the_parts(
    edge: Site, named: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(edge, "operator", EVENTS, *named)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    said = caught.value.details() or ""
    assert [word for word in (PART_HEADER, *event_parts.names()) if word not in said] == []


async def test_every_part_with_events_has_its_route(edge: Site) -> None:
    for part in set(event_parts.names()) - {"inventory"}:  # which is the one that answers
        assert await refusal(edge, "operator", EVENTS, (PART_HEADER, part)) is grpc.StatusCode.UNAVAILABLE


async def test_a_service_that_is_down_is_unavailable(edge: Site) -> None:
    method = "/ordermesh.products.v1.ProductsService/GetProduct"
    assert await refusal(edge, "edge", method) is grpc.StatusCode.UNAVAILABLE


async def test_the_clients_deadline_reaches_the_service(edge: Site) -> None:
    # a longer one than envoy/mesh.yaml leaves to a call of users (10 s) is cut to that
    for seconds, reaches in ((3600, 10), (5, 5)):
        left = float((await call(edge, "edge", USERS, timeout=seconds))["deadline"])
        assert reaches - 3 < left < reaches + 1


async def test_too_large_headers_are_refused(edge: Site) -> None:
    assert await http(edge, f"GET / HTTP/1.1\nHost: edge\nx-note: {'a' * 20_000}\n\n") == "431"


async def http(site: Site, request: str) -> str:
    """The status line's code of a plain HTTP/1.1 request to the public edge."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.ports["edge"])
    writer.write(request.replace("\n", "\r\n").encode())
    answer = await reader.readline()
    writer.close()
    return answer.decode().split()[1]


async def test_an_escaped_slash_in_the_path_is_refused(edge: Site) -> None:
    assert await http(edge, "GET /ordermesh%2Forders HTTP/1.1\nHost: edge\n\n") == "400"


async def test_a_header_with_an_underscore_is_refused(edge: Site) -> None:
    assert await http(edge, "GET / HTTP/1.1\nHost: edge\nx_caller: orders\n\n") == "400"


async def test_a_browser_at_an_unknown_path_gets_404(edge: Site) -> None:
    assert await http(edge, "GET / HTTP/1.1\nHost: edge\n\n") == "404"
