"""The card processor through its real server: answers, refusals, and what is kept from outside callers."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from kit.money import from_minor
from kit.testing.postgres import scratch_url
from kit.testing.serve import Told, serving
from ordermesh.processor.v1 import processor_pb2, processor_service_pb2_grpc
from ordermesh.processor.v1 import processor_service_pb2 as pb
from services.payments.processor.settings import Settings
from services.payments.processor.wiring import MIGRATIONS, build

pytestmark = pytest.mark.postgres


@pytest.fixture
async def stub() -> AsyncIterator[Any]:
    async with scratch_url(MIGRATIONS) as url:
        settings = Settings(listen="unix:/unused", database_url=url, profile="dev")
        async with serving("processor", build(settings)) as channel:
            yield processor_service_pb2_grpc.ProcessorServiceStub(channel)


GOOD = "tok_approved"


def charge(key: str, token: str = GOOD, minor: int = 1250) -> pb.CreateChargeRequest:
    return pb.CreateChargeRequest(key=key, amount=from_minor(minor, "EUR"), payment_token=token)


async def test_a_charge_is_made_read_and_paid_back(stub: Any) -> None:
    made = (await stub.CreateCharge(charge("a"))).charge
    assert made.state == processor_pb2.CHARGE_STATE_APPROVED
    assert made.amount == from_minor(1250, "EUR")
    assert (await stub.GetCharge(pb.GetChargeRequest(key="a"))).charge == made
    refunded = (await stub.RefundCharge(pb.RefundChargeRequest(key="a"))).charge
    assert refunded.state == processor_pb2.CHARGE_STATE_REFUNDED
    assert (await stub.RefundCharge(pb.RefundChargeRequest(key="a"))).charge == refunded


async def test_a_declined_charge_is_an_answer(stub: Any) -> None:
    declined = (await stub.CreateCharge(charge("a", "tok_expired"))).charge
    assert declined.state == processor_pb2.CHARGE_STATE_DECLINED
    assert declined.decline_code == "expired_card"
    assert (await stub.VoidCharge(pb.VoidChargeRequest(key="a"))).charge == declined


@pytest.mark.parametrize(
    ("request_message", "reason"),
    [
        (charge("a", minor=99), "KEY_REUSED"),
        (charge("b", minor=0), "MONEY_INVALID"),
        (charge("b\0"), "VALIDATION_FAILED"),
        (charge(""), "VALIDATION_FAILED"),
        (pb.VoidChargeRequest(key="a"), "CHARGE_APPROVED"),
        (pb.RefundChargeRequest(key="b"), "CHARGE_NOT_APPROVED"),
        (pb.GetChargeRequest(key="b"), "CHARGE_NOT_FOUND"),
    ],
)
async def test_a_refusal_has_its_reason(stub: Any, request_message: object, reason: str) -> None:
    await stub.CreateCharge(charge("a"))
    method = getattr(stub, type(request_message).__name__.removesuffix("Request"))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await method(request_message)
    assert Told(error.value).reason == reason


async def test_a_failing_processor_answers_unavailable(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.CreateCharge(charge("a", "tok_reply_lost"))
    assert Told(error.value).code is grpc.StatusCode.UNAVAILABLE
    assert (await stub.CreateCharge(charge("a", "tok_reply_lost"))).charge.key == "a"


@pytest.mark.parametrize("entry", ["edge", "operator"])
async def test_nobody_from_outside_moves_money(stub: Any, entry: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.CreateCharge(
            charge("a"), metadata=(("x-ordermesh-entry", entry), ("authorization", "Bearer x"))
        )
    assert Told(error.value).code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)


def test_a_simulation_does_not_start_in_production() -> None:
    with pytest.raises(ValueError, match="PROCESSOR_PROFILE=dev"):
        Settings(listen="127.0.0.1:1", database_url="postgresql://x/y", profile="prod")
