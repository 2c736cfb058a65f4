"""The service as a process of its own, killed at each crash point: the money ends where it must."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kit.money import from_minor
from kit.testing.postgres import scratch_url
from kit.testing.serve import serving
from ordermesh.payments.v1 import payments_service_pb2 as pb
from ordermesh.payments.v1 import payments_service_pb2_grpc
from services.payments.processor import settings as processor_settings
from services.payments.processor import wiring as processor_wiring
from services.payments.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ROOT = MIGRATIONS.parents[2]
REASON = "CANCELLED_BY_CUSTOMER"


@asynccontextmanager
async def process(folder: Path, url: str, crash_at: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    """Payments, listening on a socket in the folder; the processor's is beside it."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.payments",
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{ROOT / 'protos/gen/python'}",
            "PAYMENTS_LISTEN": f"unix:{folder}/s",
            "PAYMENTS_DATABASE_URL": url,
            "PAYMENTS_USERS_ADDRESS": "unix:/none",
            "PAYMENTS_PROCESSOR_ADDRESS": f"unix:{folder}/p",
            "PAYMENTS_KAFKA_ADDRESS": "127.0.0.1:1",
            "PAYMENTS_SWEEP_SECONDS": "0.2",
            "PAYMENTS_PROFILE": "dev",
            "PAYMENTS_CRASH_AT": crash_at,
        },
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def healthy(channel: grpc.aio.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    watching = stub.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=20)
    async for answer in watching:
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            break
    watching.cancel()


def charge(order_id: uuid.UUID, token: str) -> pb.ProcessPaymentRequest:
    return pb.ProcessPaymentRequest(
        request_id=str(uuid.uuid4()),
        order_id=str(order_id),
        customer_id=str(uuid.uuid4()),
        amount=from_minor(1250, "EUR"),
        payment_token=token,
    )


async def killed(folder: Path, url: str, crash_at: str, order_id: uuid.UUID, *, cancel: bool) -> None:
    """Charge, and cancel meanwhile if told to; the process dies at its crash point."""
    async with process(folder, url, crash_at) as running, grpc.aio.insecure_channel(f"unix:{folder}/s") as to:
        await healthy(to)
        stub: Any = payments_service_pb2_grpc.PaymentsServiceStub(to)
        charging = stub.ProcessPayment(charge(order_id, "tok_slow" if cancel else "tok_approved"))
        if cancel:
            await asyncio.sleep(0.5)
            stub.CancelPayment(
                pb.CancelPaymentRequest(request_id=str(uuid.uuid4()), order_id=str(order_id), reason=REASON)
            )
        with pytest.raises(grpc.aio.AioRpcError):
            await charging
        assert await asyncio.wait_for(running.wait(), 10) == -9


async def killed_later(folder: Path, url: str, crash_at: str, order_id: uuid.UUID, *, cancel: bool) -> None:
    """Authorise, then capture or cancel; the process dies at its crash point on the way."""
    async with process(folder, url, crash_at) as running, grpc.aio.insecure_channel(f"unix:{folder}/s") as to:
        await healthy(to)
        stub: Any = payments_service_pb2_grpc.PaymentsServiceStub(to)
        named: Any = {"request_id": str(uuid.uuid4()), "order_id": str(order_id)}
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.AuthorizePayment(
                pb.AuthorizePaymentRequest(
                    **named,
                    customer_id=str(uuid.uuid4()),
                    amount=from_minor(1250, "EUR"),
                    payment_token="tok_approved",
                )
            )
            if cancel:
                await stub.CancelPayment(pb.CancelPaymentRequest(**named, reason=REASON))
            else:
                await stub.CapturePayment(pb.CapturePaymentRequest(**named))
        assert await asyncio.wait_for(running.wait(), 10) == -9


async def ended(url: str, order_id: uuid.UUID) -> str:
    """The payment's state once it is no longer open; the lease of whoever died is taken as over."""
    connection = await asyncpg.connect(url)
    await connection.execute("update payments set next_attempt_time = now()")
    for _ in range(200):
        query = "select state, cancel_requested from payments where order_id = $1"
        (state, cancelled), *_ = await connection.fetch(query, order_id)
        if not state.endswith("ING") and not (state == "AUTHORIZED" and cancelled):
            break
        await asyncio.sleep(0.1)
    await connection.close()
    return str(state)


async def ledger(url: str, order_id: uuid.UUID) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("select kind from entries where key = $1 order by entry_id", str(order_id))
    await connection.close()
    return [row["kind"] for row in rows]


@pytest.mark.parametrize(
    ("crash_at", "cancel", "state", "entries"),
    [
        ("payments.after_transaction_1", False, "CHARGED", ["CHARGE"]),
        ("payments.after_processor_call", False, "CHARGED", ["CHARGE"]),
        ("payments.after_transaction_2", False, "CHARGED", ["CHARGE"]),
        ("payments.after_processor_call", True, "REFUNDED", ["CHARGE", "REFUND"]),
        ("payments.after_refund", True, "REFUNDED", ["CHARGE", "REFUND"]),
    ],
)
async def test_a_process_killed_at_a_crash_point_leaves_one_net_charge_or_none(
    tmp_path: Path, crash_at: str, cancel: bool, state: str, entries: list[str]
) -> None:
    order_id = uuid.uuid4()
    async with scratch_url(MIGRATIONS) as url, scratch_url(processor_wiring.MIGRATIONS) as processor_url:
        chosen = processor_settings.Settings(listen="unix:/unused", database_url=processor_url, profile="dev")
        async with serving("processor", processor_wiring.build(chosen), f"unix:{tmp_path}/p"):
            await killed(tmp_path, url, crash_at, order_id, cancel=cancel)
            async with process(tmp_path, url):
                assert await ended(url, order_id) == state
                assert await ledger(processor_url, order_id) == entries


@pytest.mark.parametrize(
    ("crash_at", "cancel", "state", "entries"),
    [
        ("payments.after_authorize_noted", False, "AUTHORIZED", []),
        ("payments.after_authorize_call", False, "AUTHORIZED", []),
        ("payments.after_authorize_recorded", False, "AUTHORIZED", []),
        ("payments.after_capture_noted", False, "CHARGED", ["CHARGE"]),
        ("payments.after_capture_call", False, "CHARGED", ["CHARGE"]),
        ("payments.after_capture_recorded", False, "CHARGED", ["CHARGE"]),
        ("payments.after_void_call", True, "VOIDED", []),
        ("payments.after_void_recorded", True, "VOIDED", []),
    ],
)
async def test_a_process_killed_on_the_long_way_leaves_what_was_asked_for_last(
    tmp_path: Path, crash_at: str, cancel: bool, state: str, entries: list[str]
) -> None:
    order_id = uuid.uuid4()
    async with scratch_url(MIGRATIONS) as url, scratch_url(processor_wiring.MIGRATIONS) as processor_url:
        chosen = processor_settings.Settings(listen="unix:/unused", database_url=processor_url, profile="dev")
        async with serving("processor", processor_wiring.build(chosen), f"unix:{tmp_path}/p"):
            await killed_later(tmp_path, url, crash_at, order_id, cancel=cancel)
            async with process(tmp_path, url):
                assert await ended(url, order_id) == state
                assert await ledger(processor_url, order_id) == entries
