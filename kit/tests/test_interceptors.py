"""What surrounds every RPC, tried on a small servicer behind the real server and a real channel."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from kit import call, telemetry
from kit.interceptors import DEFAULT_SECONDS, ENTRY_HEADER, Guard
from kit.server import Server
from kit.testing.serve import Told
from kit.testing.tokens import Issuer
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1 import inventory_service_pb2_grpc
from ordermesh.users.v1 import users_service_pb2

SERVICE = "ordermesh.inventory.v1.InventoryService"
ORDER_ID = str(uuid.UUID(int=1))
RELEASE = pb.ReleaseStockRequest(request_id=ORDER_ID, order_id=ORDER_ID)
RESTOCK = pb.RestockRequest(request_id=ORDER_ID, sku="TEA", quantity=1)


class Probe:
    """A servicer that tells what surrounds its calls."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}
        self.cancelled = asyncio.Event()

    async def ReserveStock(self, request: Any, context: Any) -> Any:
        raise RuntimeError("a secret in a bug")

    async def ReleaseStock(self, request: Any, context: Any) -> pb.ReleaseStockResponse:
        self.seen = {"remaining": call.remaining(1000), "trace": telemetry.trace_id()}
        self.seen["authorization"] = call.authorization()
        return pb.ReleaseStockResponse()

    async def CommitStock(self, request: Any, context: Any) -> pb.CommitStockResponse:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return pb.CommitStockResponse()

    async def GetStock(self, request: Any, context: Any) -> pb.GetStockResponse:
        return pb.GetStockResponse()

    async def Restock(self, request: Any, context: Any) -> pb.RestockResponse:
        self.seen = {"caller": call.caller(), "authorization": call.authorization()}
        return pb.RestockResponse()


@asynccontextmanager
async def served(folder: Path, issuer: Issuer) -> AsyncIterator[tuple[Probe, Any]]:
    probe = Probe()
    address = f"unix:{folder}/socket"
    server = Server(address, Guard("inventory", issuer.verifier()), {SERVICE: probe})
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield probe, inventory_service_pb2_grpc.InventoryServiceStub(channel)
    await server.stop(0)


async def refused(work: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await work
    return Told(caught.value)


async def test_a_bug_is_internal_and_its_text_stays_here(tmp_path: Path) -> None:
    request = pb.ReserveStockRequest(request_id=ORDER_ID, order_id=ORDER_ID)
    request.lines.add(sku="TEA", quantity=1)
    async with served(tmp_path, Issuer()) as (_, stub):
        told = await refused(stub.ReserveStock(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "secret" not in told.message


async def test_without_a_deadline_there_is_a_default(tmp_path: Path) -> None:
    async with served(tmp_path, Issuer()) as (probe, stub):
        await stub.ReleaseStock(RELEASE)
    assert DEFAULT_SECONDS - 1 < probe.seen["remaining"] <= DEFAULT_SECONDS


async def test_the_callers_deadline_is_passed_on_and_ends_the_work(tmp_path: Path) -> None:
    async with served(tmp_path, Issuer()) as (probe, stub):
        await stub.ReleaseStock(RELEASE, timeout=3)
        assert probe.seen["remaining"] < 3.1  # gRPC rounds a timeout up on the wire
        request = pb.CommitStockRequest(request_id=ORDER_ID, order_id=ORDER_ID)
        told = await refused(stub.CommitStock(request, timeout=0.2))
        assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED
        await asyncio.wait_for(probe.cancelled.wait(), 5)


async def test_the_callers_trace_goes_on_and_a_missing_one_begins(tmp_path: Path) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    header = (("traceparent", f"00-{trace}-b7ad6b7169203331-01"),)
    async with served(tmp_path, Issuer()) as (probe, stub):
        await stub.ReleaseStock(RELEASE, metadata=header)
        assert probe.seen["trace"] == trace
        await stub.ReleaseStock(RELEASE)
        assert probe.seen["trace"] not in (trace, "0" * 32)


@pytest.mark.parametrize(
    ("entry", "request_", "method", "role", "reason"),
    [
        (None, RELEASE, "ReleaseStock", None, ""),
        ("edge", RELEASE, "ReleaseStock", None, "WORKLOAD_NOT_ALLOWED"),
        ("edge", RELEASE, "ReleaseStock", "operator", "WORKLOAD_NOT_ALLOWED"),
        ("somewhere", RELEASE, "ReleaseStock", "operator", "WORKLOAD_NOT_ALLOWED"),
        ("operator", RELEASE, "ReleaseStock", None, "TOKEN_MISSING"),
        ("operator", RELEASE, "ReleaseStock", "customer", "OPERATOR_REQUIRED"),
        ("operator", RELEASE, "ReleaseStock", "operator", ""),
        ("operator", pb.GetStockRequest(sku="TEA"), "GetStock", None, ""),
        (None, RESTOCK, "Restock", None, "TOKEN_MISSING"),
        (None, RESTOCK, "Restock", "customer", "OPERATOR_REQUIRED"),
        (None, RESTOCK, "Restock", "operator", ""),
    ],
)
async def test_who_may_call_what_by_which_entry(
    tmp_path: Path, entry: str | None, request_: Any, method: str, role: str | None, reason: str
) -> None:
    issuer = Issuer()
    metadata = [(ENTRY_HEADER, entry)] if entry else []
    metadata += list(issuer.authorization(uuid.UUID(int=7), role)) if role else []
    async with served(tmp_path, issuer) as (_, stub):
        work = getattr(stub, method)(request_, metadata=metadata)
        if reason:
            assert (await refused(work)).reason == reason
        else:
            await work


async def test_a_users_token_is_kept_for_the_calls_made_for_the_user_and_for_no_other(tmp_path: Path) -> None:
    issuer = Issuer()
    metadata = issuer.authorization(uuid.UUID(int=7), "operator")
    async with served(tmp_path, issuer) as (probe, stub):
        await stub.Restock(RESTOCK, metadata=metadata)
        assert probe.seen["authorization"] == metadata[0][1]
        await stub.ReleaseStock(RELEASE, metadata=metadata)
        assert probe.seen["authorization"] is None


async def test_a_message_that_is_too_large_is_told_so_before_it_is_decoded(tmp_path: Path) -> None:
    async with served(tmp_path, Issuer()) as (_, stub):
        told = await refused(stub.GetStock(pb.GetStockRequest(sku="T" * 70_000)))
    assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")


async def test_a_read_that_tells_something_private_wants_an_operator_at_the_operators_entry() -> None:
    method = users_service_pb2.DESCRIPTOR.services_by_name["ContactsService"].methods_by_name["GetContact"]
    issuer = Issuer()

    async def answer(request: Any, context: Any) -> users_service_pb2.GetContactResponse:
        return users_service_pb2.GetContactResponse(email="ada@example.com")

    handler = Guard("users", issuer.verifier()).handler(method, answer)
    context = Context((ENTRY_HEADER, "operator"))
    await handler.unary_unary(users_service_pb2.GetContactRequest(user_id=ORDER_ID), context)
    assert context.code is grpc.StatusCode.UNAUTHENTICATED
    trusted = Context((ENTRY_HEADER, "operator"), *issuer.authorization(uuid.UUID(int=7), "operator"))
    told = await handler.unary_unary(users_service_pb2.GetContactRequest(user_id=ORDER_ID), trusted)
    assert told.email == "ada@example.com"


class Context:
    """A call's context, as far as the guard looks at it."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata
        self.code: grpc.StatusCode | None = None

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata

    def time_remaining(self) -> None:
        return None

    async def abort_with_status(self, status: Any) -> None:
        self.code = status.code
