"""A call that got no answer says whether the peer can have heard it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_status import rpc_status

from kit import call
from kit.channels import Peer, Refused, Unanswered
from kit.errors import Problem, to_status
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1 import inventory_service_pb2_grpc

REQUEST = pb.GetStockRequest(sku="TEA")
Behaviour = Callable[[Any], Awaitable[Any]]


class Inventory(inventory_service_pb2_grpc.InventoryServiceServicer):
    """Answers GetStock by what the test says."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def GetStock(self, request: Any, context: Any) -> Any:
        return await self._behaviour(context)

    async def ReserveStock(self, request: Any, context: Any) -> Any: ...
    async def ReleaseStock(self, request: Any, context: Any) -> Any: ...
    async def CommitStock(self, request: Any, context: Any) -> Any: ...
    async def Restock(self, request: Any, context: Any) -> Any: ...


async def call_of(folder: Path, behaviour: Behaviour, *, for_user: bool = False) -> Any:
    server = grpc.aio.server()
    inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server(Inventory(behaviour), server)
    server.add_insecure_port(f"unix:{folder}/socket")
    await server.start()
    peer = Peer("inventory", f"unix:{folder}/socket", for_user=for_user)
    try:
        return await peer.call(
            inventory_service_pb2_grpc.InventoryServiceStub(peer.channel).GetStock, REQUEST
        )
    finally:
        await peer.close()
        await server.stop(0)


async def abort(context: Any, error: Exception) -> None:
    await context.abort_with_status(rpc_status.to_status(to_status(error, "inventory", "0" * 32)))


async def test_a_peer_that_is_not_there_has_heard_nothing(tmp_path: Path) -> None:
    peer = Peer("inventory", f"unix:{tmp_path}/nobody")
    with pytest.raises(Unanswered) as caught:
        await peer.call(inventory_service_pb2_grpc.InventoryServiceStub(peer.channel).GetStock, REQUEST)
    await peer.close()
    assert not caught.value.sent
    assert caught.value.details["dependency"] == "inventory"


async def test_a_peer_that_breaks_off_may_have_heard_it(tmp_path: Path) -> None:
    async def break_off(context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    with pytest.raises(Unanswered) as caught:
        await call_of(tmp_path, break_off)
    assert caught.value.sent


async def test_a_decision_of_the_peer_comes_with_reason_and_details(tmp_path: Path) -> None:
    async def refuse(context: Any) -> Any:
        await abort(context, Problem("refused", "OUT_OF_STOCK", "none left", {"skus": "TEA"}))

    with pytest.raises(Refused) as caught:
        await call_of(tmp_path, refuse)
    assert (caught.value.kind, caught.value.reason) == ("refused", "OUT_OF_STOCK")
    assert caught.value.details == {"skus": "TEA"}


@pytest.mark.parametrize("kind", ["unavailable", "conflict", "exhausted", "internal", "too_late"])
async def test_what_is_not_a_decision_stays_open(tmp_path: Path, kind: str) -> None:
    async def fail(context: Any) -> Any:
        await abort(context, Problem(kind, "PAYMENT_UNKNOWN", "try again"))

    with pytest.raises(Unanswered) as caught:
        await call_of(tmp_path, fail)
    assert caught.value.details["cause"] == "PAYMENT_UNKNOWN"


async def test_a_peer_that_never_answers_is_left_after_the_deadline(tmp_path: Path) -> None:
    async def hang(context: Any) -> Any:
        await asyncio.Event().wait()

    call.set_deadline(0.3)
    with pytest.raises(Unanswered) as caught:
        await call_of(tmp_path, hang)
    assert caught.value.details["cause"] == "DEADLINE_EXCEEDED"


async def tokens_at_the_peer(folder: Path, header: str | None, *, for_user: bool) -> list[str]:
    seen: list[str] = []

    async def look(context: Any) -> Any:
        seen.extend(value for key, value in context.invocation_metadata() if key == "authorization")
        return pb.GetStockResponse()

    call.set_authorization(header)
    await call_of(folder, look, for_user=for_user)
    return seen


async def test_a_peer_that_is_called_for_the_user_gets_the_users_token(tmp_path: Path) -> None:
    assert await tokens_at_the_peer(tmp_path, "Bearer ada", for_user=True) == ["Bearer ada"]


async def test_a_call_for_nobody_carries_no_token(tmp_path: Path) -> None:
    assert await tokens_at_the_peer(tmp_path, None, for_user=True) == []


async def test_a_peer_of_a_service_never_sees_the_users_token(tmp_path: Path) -> None:
    assert await tokens_at_the_peer(tmp_path, "Bearer ada", for_user=False) == []
