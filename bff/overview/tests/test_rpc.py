"""Overviews as their readers see them: the real aggregator, and real servers for the services behind it."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from bff.overview.tests.shop import (
    ADA,
    BOB,
    CUSTOMER,
    ISSUER,
    OLGA,
    ORDER,
    PARTS,
    PAYMENT,
    PRODUCTS,
    SHIPMENT,
    Running,
    Shop,
    hang,
    overview,
)
from bff.overview.usecases import SHARE
from kit.errors import Problem
from kit.testing.serve import Told
from ordermesh.overview.v1 import overview_pb2, overview_service_pb2_grpc
from ordermesh.overview.v1 import overview_service_pb2 as pb

ADAS, BOBS = ISSUER.authorization(ADA), ISSUER.authorization(BOB)
OLGAS = ISSUER.authorization(OLGA, "operator")
TRACE = "0af7651916cd43dd8448eb211c80319c"
each_part = pytest.mark.parametrize("part", PARTS)


async def read(
    running: Running, order_id: str = ORDER.order_id, metadata: Any = ADAS, timeout: float = 10
) -> overview_pb2.OrderOverview:
    stub: Any = overview_service_pb2_grpc.OverviewServiceStub(running.channel)
    request = pb.GetOrderOverviewRequest(order_id=order_id)
    answer: pb.GetOrderOverviewResponse = await stub.GetOrderOverview(
        request, metadata=metadata, timeout=timeout
    )
    return answer.overview


async def refused(running: Running, **asked: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read(running, **asked)
    return Told(caught.value)


def raising(error: Exception) -> Callable[[], Any]:
    async def raise_it() -> None:
        raise error

    return raise_it


def assert_whole_but_for(missing: set[str], found: overview_pb2.OrderOverview) -> None:
    """Everything is there that is not missing, and what is missing is not."""
    assert [one.service for one in found.unavailable] == sorted(missing)
    assert found.order.order_id == ORDER.order_id
    assert found.HasField("customer") is ("users" not in missing)
    assert found.HasField("payment") is ("payments" not in missing)
    assert found.HasField("shipment") is ("shipping" not in missing)
    assert [line.line for line in found.lines] == list(ORDER.lines)
    assert [line.HasField("product") for line in found.lines] == [("products" not in missing)] * 2


async def test_an_overview_has_what_every_service_knows(tmp_path: Path) -> None:
    async with overview(tmp_path, Shop()) as running:
        found = await read(running)
    order = type(ORDER)()
    order.CopyFrom(ORDER)
    order.ClearField("lines")
    assert found.order == order
    assert [line.line for line in found.lines] == list(ORDER.lines)
    assert [line.product for line in found.lines] == [PRODUCTS["TEA"], PRODUCTS["MUG"]]
    assert (found.payment, found.shipment) == (PAYMENT, SHIPMENT)
    assert found.customer == overview_pb2.OverviewCustomer(customer_id=CUSTOMER.user_id, display_name="Ada")
    assert list(found.unavailable) == []


async def test_what_an_order_does_not_have_yet_is_not_unavailable(tmp_path: Path) -> None:
    async with overview(tmp_path, Shop(payment=None, shipment=None)) as running:
        found = await read(running)
    assert not found.HasField("payment")
    assert not found.HasField("shipment")
    assert list(found.unavailable) == []


@each_part
async def test_without_a_service_the_rest_is_told_until_it_is_back(tmp_path: Path, part: str) -> None:
    async with overview(tmp_path, Shop()) as running:
        assert_whole_but_for(set(), await read(running))
        await running.stop(part)
        found = await read(running)
        assert_whole_but_for({part}, found)
        assert found.unavailable[0].reason == "UNREACHABLE"
        await running.start(part)
        while (found := await read(running)).unavailable:
            assert_whole_but_for({part}, found)
        assert_whole_but_for(set(), found)


@each_part
async def test_a_slow_service_is_left_out_in_time_for_the_answer(tmp_path: Path, part: str) -> None:
    async with overview(tmp_path, Shop({part: hang})) as running:
        found = await read(running, timeout=3)
    assert_whole_but_for({part}, found)
    assert found.unavailable[0].reason == "DEADLINE_EXCEEDED"


@each_part
async def test_a_service_that_refuses_is_named_with_its_reason(tmp_path: Path, part: str) -> None:
    refusal = raising(Problem("refused", "CLOSED_TODAY", "come back tomorrow"))
    async with overview(tmp_path, Shop({part: refusal})) as running:
        found = await read(running)
    assert_whole_but_for({part}, found)
    assert found.unavailable[0].reason == "CLOSED_TODAY"


@each_part
async def test_a_service_that_fails_is_named_without_the_text_of_its_bug(tmp_path: Path, part: str) -> None:
    async with overview(tmp_path, Shop({part: raising(RuntimeError("a secret"))})) as running:
        found = await read(running)
    assert_whole_but_for({part}, found)
    assert found.unavailable[0].reason == "INTERNAL"
    assert "secret" not in str(found)


async def test_an_order_alone_is_an_answer(tmp_path: Path) -> None:
    shop = Shop(dict.fromkeys(PARTS, hang))
    async with overview(tmp_path, shop) as running:
        assert_whole_but_for(set(PARTS), await read(running, timeout=3))


async def test_the_parts_are_asked_side_by_side(tmp_path: Path) -> None:
    """Each answers only when all have been asked."""
    barrier = asyncio.Barrier(len(PARTS))

    async def meet() -> None:
        await barrier.wait()

    async with overview(tmp_path, Shop(dict.fromkeys(PARTS, meet))) as running:
        assert_whole_but_for(set(), await read(running))


async def test_the_parts_have_less_time_than_the_reader(tmp_path: Path) -> None:
    shop = Shop()
    async with overview(tmp_path, shop) as running:
        await read(running, timeout=2)
    left = max(shop.heard[part].seconds for part in PARTS)
    assert left < 2 * SHARE + 0.1  # gRPC rounds a timeout up on the wire


async def test_every_service_is_called_for_the_reader_in_one_trace(tmp_path: Path) -> None:
    shop = Shop()
    metadata = (*ADAS, ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"))
    async with overview(tmp_path, shop) as running:
        await read(running, metadata=metadata)
    assert {heard.trace for heard in shop.heard.values()} == {TRACE}
    assert {service: heard.caller for service, heard in shop.heard.items()} == {
        "orders": ADA, "users": ADA, "payments": ADA, "shipping": ADA, "products": None,
    }  # fmt: skip


@pytest.mark.parametrize("order_id", [ORDER.order_id, str(uuid.UUID(int=11))], ids=["foreign", "unknown"])
async def test_who_may_not_read_the_order_gets_its_refusal_and_nothing_else_is_asked(
    tmp_path: Path, order_id: str
) -> None:
    shop = Shop()
    async with overview(tmp_path, shop) as running:
        told = await refused(running, order_id=order_id, metadata=BOBS)
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ACCESS_DENIED")
    assert list(shop.heard) == ["orders"]


async def test_an_operator_reads_the_overview_of_any_order(tmp_path: Path) -> None:
    shop = Shop()
    async with overview(tmp_path, shop) as running:
        assert_whole_but_for(set(), await read(running, metadata=OLGAS))
    assert {heard.caller for heard in shop.heard.values()} == {OLGA, None}


async def test_without_orders_there_is_no_overview(tmp_path: Path) -> None:
    async with overview(tmp_path, Shop()) as running:
        await read(running)  # the keys of tokens are known from now on
        await running.stop("orders")
        told = await refused(running)
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    assert (told.domain, told.metadata["dependency"]) == ("overview.ordermesh", "orders")


async def test_a_reader_that_leaves_takes_the_calls_along(tmp_path: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang_until_cancelled() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with overview(tmp_path, Shop({"payments": hang_until_cancelled})) as running:
        reading = asyncio.create_task(read(running, timeout=60))
        await asyncio.wait_for(begun.wait(), 10)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(ended.wait(), 10)


@pytest.mark.parametrize("order_id", ["", "1", "00000000-0000-0000-0000-00000000000g", "../orders"])
async def test_an_id_that_is_no_uuid_is_named(tmp_path: Path, order_id: str) -> None:
    shop = Shop()
    async with overview(tmp_path, shop) as running:
        told = await refused(running, order_id=order_id)
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert told.fields == ["order_id"]
    assert shop.heard == {}


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "TOKEN_MISSING"),
        ((("authorization", "Bearer x.y.z"),), "TOKEN_INVALID"),
        ((("authorization", f"Bearer {ISSUER.token(ADA, seconds=-60)}"),), "TOKEN_EXPIRED"),
    ],
    ids=["missing", "garbage", "expired"],
)
async def test_a_token_is_looked_at_before_anybody_is_asked(
    tmp_path: Path, metadata: Any, reason: str
) -> None:
    shop = Shop()
    async with overview(tmp_path, shop) as running:
        told = await refused(running, metadata=metadata)
    assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)
    assert shop.heard == {}
