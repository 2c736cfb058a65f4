"""Payments through its real server, with the real card processor behind it and every test card."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from kit.database import Database
from kit.ids import step_key
from kit.money import from_minor
from kit.run import App
from kit.testing.postgres import scratch_url
from kit.testing.serve import Told, serving
from kit.testing.tokens import Issuer
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2_grpc
from ordermesh.payments.v1 import payments_service_pb2 as pb
from services.payments import settings, wiring
from services.payments.processor import settings as processor_settings
from services.payments.processor import wiring as processor_wiring

pytestmark = pytest.mark.postgres
ISSUER = Issuer()
ADA, BOB, OLGA = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
GOOD = "tok_approved"
CHARGING = payments_pb2.PAYMENT_STATE_CHARGING
CHARGED = payments_pb2.PAYMENT_STATE_CHARGED
AUTHORIZED = payments_pb2.PAYMENT_STATE_AUTHORIZED
VOIDED = payments_pb2.PAYMENT_STATE_VOIDED
REFUNDED = payments_pb2.PAYMENT_STATE_REFUNDED


@dataclass
class Shop:
    """Payments as its callers see it, and the processor's ledger as an auditor sees it."""

    payments: App
    stub: Any
    processor_url: str
    processor_address: str
    processor: AsyncExitStack

    async def processor_up(self) -> None:
        build = processor_wiring.build(
            processor_settings.Settings(listen="unix:/unused", database_url=self.processor_url, profile="dev")
        )
        await self.processor.enter_async_context(serving("processor", build, self.processor_address))

    async def charge(self, order_id: uuid.UUID, token: str = GOOD, minor: int = 1250) -> Any:
        request = pb.ProcessPaymentRequest(
            request_id=str(step_key(order_id, "charge")),
            order_id=str(order_id),
            customer_id=str(ADA),
            amount=from_minor(minor, "EUR"),
            payment_token=token,
        )
        return (await self.stub.ProcessPayment(request)).payment

    async def authorize(self, order_id: uuid.UUID, token: str = GOOD) -> Any:
        request = pb.AuthorizePaymentRequest(
            request_id=str(step_key(order_id, "authorise")),
            order_id=str(order_id),
            customer_id=str(ADA),
            amount=from_minor(1250, "EUR"),
            payment_token=token,
        )
        return (await self.stub.AuthorizePayment(request)).payment

    async def capture(self, order_id: uuid.UUID) -> Any:
        request = pb.CapturePaymentRequest(
            request_id=str(step_key(order_id, "capture")), order_id=str(order_id)
        )
        return (await self.stub.CapturePayment(request)).payment

    async def cancel(self, order_id: uuid.UUID) -> Any:
        request = pb.CancelPaymentRequest(
            request_id=str(step_key(order_id, "cancel-payment")),
            order_id=str(order_id),
            reason="CANCELLED_BY_CUSTOMER",
        )
        return (await self.stub.CancelPayment(request)).payment

    async def get(self, order_id: uuid.UUID, user_id: uuid.UUID = OLGA, role: str = "operator") -> Any:
        request = pb.GetPaymentRequest(order_id=str(order_id))
        answer = await self.stub.GetPayment(request, metadata=ISSUER.authorization(user_id, role))
        return answer.payment

    async def batch(self, order_ids: list[uuid.UUID], user_id: uuid.UUID, role: str) -> set[str]:
        request = pb.BatchGetPaymentsRequest(order_ids=map(str, order_ids))
        answer = await self.stub.BatchGetPayments(request, metadata=ISSUER.authorization(user_id, role))
        return {payment.order_id for payment in answer.payments}

    async def sweep(self) -> None:
        """A round of the sweeper, as if every lease were over."""
        assert isinstance(self.payments.engine, Database)
        async with self.payments.engine.transaction() as connection:
            await connection.execute("update payments set next_attempt_time = now() - interval '1 second'")
        await self.payments.rounds[0].work()

    async def ledger(self, order_id: uuid.UUID) -> list[tuple[str, int]]:
        connection = await asyncpg.connect(self.processor_url)
        rows = await connection.fetch(
            "select kind, amount_minor from entries where key = $1 order by entry_id", str(order_id)
        )
        await connection.close()
        return [tuple(row) for row in rows]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    address = f"unix:{tmp_path}/p"
    async with (
        scratch_url(wiring.MIGRATIONS) as url,
        scratch_url(processor_wiring.MIGRATIONS) as processor_url,
        AsyncExitStack() as processor,
    ):
        chosen = settings.Settings(
            listen="unix:/unused",
            database_url=url,
            users_address="unix:/none",
            processor_address=address,
            kafka_address="127.0.0.1:1",
        )
        app = replace(wiring.build(chosen), tokens=ISSUER.verifier())
        async with serving("payments", app) as channel:
            stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)
            shop = Shop(app, stub, processor_url, address, processor)
            await shop.processor_up()
            yield shop


async def refused(call: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Told(caught.value)


@pytest.mark.parametrize("token", ["tok_approved", "tok_slow", "tok_reply_lost", "tok_fails_twice"])
async def test_a_good_card_is_charged_once_however_it_misbehaves(shop: Shop, token: str) -> None:
    order_id = uuid.uuid4()
    payment = await shop.charge(order_id, token)
    assert (payment.state, payment.amount) == (CHARGED, from_minor(1250, "EUR"))
    assert await shop.charge(order_id, token) == payment
    assert await shop.ledger(order_id) == [("CHARGE", 1250)]


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_declined", "card_declined"),
        ("tok_insufficient_funds", "insufficient_funds"),
        ("tok_expired", "expired_card"),
        ("tok_nobody_knows", "unknown_token"),
    ],
)
async def test_a_bad_card_is_declined_and_a_repeat_is_declined_alike(
    shop: Shop, token: str, code: str
) -> None:
    order_id = uuid.uuid4()
    for _ in range(2):
        told = await refused(shop.charge(order_id, token))
        assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_DECLINED")
        assert told.metadata == {"decline_code": code, "reason": "PAYMENT_DECLINED"}
    assert (await shop.cancel(order_id)).reason == "PAYMENT_DECLINED"
    assert await shop.ledger(order_id) == []


async def test_parallel_duplicates_make_one_entry_in_the_ledger(shop: Shop) -> None:
    order_id = uuid.uuid4()
    payments = await asyncio.gather(*(shop.charge(order_id, "tok_reply_lost") for _ in range(8)))
    assert {payment.state for payment in payments} == {CHARGED}
    assert await shop.ledger(order_id) == [("CHARGE", 1250)]


async def test_the_same_order_with_another_amount_is_a_mistake(shop: Shop) -> None:
    order_id = uuid.uuid4()
    await shop.charge(order_id)
    told = await refused(shop.charge(order_id, minor=9900))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_MISMATCH")


async def test_a_cancel_before_the_charge_wins(shop: Shop) -> None:
    order_id = uuid.uuid4()
    cancelled = await shop.cancel(order_id)
    assert (cancelled.state, cancelled.reason) == (VOIDED, "CANCELLED_BY_CUSTOMER")
    assert await shop.cancel(order_id) == cancelled
    told = await refused(shop.charge(order_id))
    assert (told.reason, told.metadata) == ("PAYMENT_CANCELLED", {"cancel_reason": "CANCELLED_BY_CUSTOMER"})
    assert await shop.ledger(order_id) == []


async def test_a_cancel_after_the_charge_is_too_late(shop: Shop) -> None:
    order_id = uuid.uuid4()
    await shop.charge(order_id)
    told = await refused(shop.cancel(order_id))
    assert (told.reason, told.metadata) == ("ORDER_NOT_CANCELLABLE", {"state": "CHARGED"})
    assert await shop.ledger(order_id) == [("CHARGE", 1250)]


@pytest.mark.parametrize("at", ["", "capture_"])
@pytest.mark.parametrize("card", ["slow", "reply_lost", "fails_twice"])
async def test_a_good_card_is_authorised_and_captured_once_however_it_misbehaves(
    shop: Shop, card: str, at: str
) -> None:
    order_id = uuid.uuid4()
    authorized = await shop.authorize(order_id, f"tok_{at}{card}")
    assert (authorized.state, authorized.amount) == (AUTHORIZED, from_minor(1250, "EUR"))
    assert await shop.ledger(order_id) == []
    captured = await shop.capture(order_id)
    assert captured.state == CHARGED
    assert await shop.capture(order_id) == captured
    assert await shop.ledger(order_id) == [("CHARGE", 1250)]


async def test_a_bad_card_is_declined_when_it_is_authorised(shop: Shop) -> None:
    order_id = uuid.uuid4()
    for late in (shop.authorize(order_id, "tok_expired"), shop.capture(order_id)):
        told = await refused(late)
        assert (told.reason, told.metadata["decline_code"]) == ("PAYMENT_DECLINED", "expired_card")


async def test_an_open_authorisation_is_voided_by_a_cancel(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payments.usecases.CANCEL_SECONDS", 4.5)
    order_id = uuid.uuid4()
    await shop.authorize(order_id)
    assert (await shop.cancel(order_id)).state == VOIDED
    told = await refused(shop.capture(order_id))
    assert (told.reason, told.metadata) == ("PAYMENT_CANCELLED", {"cancel_reason": "CANCELLED_BY_CUSTOMER"})
    assert await shop.ledger(order_id) == []


async def test_a_capture_without_authorisation_and_the_second_kind_are_refused(shop: Shop) -> None:
    order_id, charged = uuid.uuid4(), uuid.uuid4()
    unknown = await refused(shop.capture(order_id))
    assert (unknown.code, unknown.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "PAYMENT_NOT_AUTHORIZED",
    )
    await shop.charge(charged)
    other = await refused(shop.authorize(charged))
    assert (other.reason, other.metadata) == ("PAYMENT_KIND_MISMATCH", {"state": "CHARGED"})


async def test_a_cancel_that_races_a_slow_capture_is_promised_and_paid_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payments.usecases.CANCEL_SECONDS", 0.1)
    order_id = uuid.uuid4()
    await shop.authorize(order_id, "tok_capture_slow")
    capturing = asyncio.create_task(refused(shop.capture(order_id)))
    await asyncio.sleep(0.5)
    assert (await shop.cancel(order_id)).cancel_requested
    assert (await capturing).reason == "PAYMENT_CANCELLED"
    assert (await shop.get(order_id)).state == REFUNDED
    assert await shop.ledger(order_id) == [("CHARGE", 1250), ("REFUND", 1250)]


async def test_a_cancel_that_races_a_slow_charge_is_promised_and_paid_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payments.usecases.CANCEL_SECONDS", 0.1)
    order_id = uuid.uuid4()
    charging = asyncio.create_task(refused(shop.charge(order_id, "tok_slow")))
    await asyncio.sleep(0.5)
    promised = await shop.cancel(order_id)
    assert (promised.state, promised.cancel_requested) == (CHARGING, True)
    told = await charging
    assert (told.reason, told.metadata) == ("PAYMENT_CANCELLED", {"cancel_reason": "CANCELLED_BY_CUSTOMER"})
    assert (await shop.get(order_id)).state == REFUNDED
    assert await shop.ledger(order_id) == [("CHARGE", 1250), ("REFUND", 1250)]


async def test_a_cancel_that_waits_for_the_charge_under_way_is_told_the_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payments.usecases.CANCEL_SECONDS", 4.5)
    order_id = uuid.uuid4()
    charging = asyncio.create_task(refused(shop.charge(order_id, "tok_slow")))
    await asyncio.sleep(0.5)
    assert (await shop.cancel(order_id)).state == REFUNDED
    assert (await charging).reason == "PAYMENT_CANCELLED"


async def test_a_processor_that_is_away_is_waited_for_without_guessing(shop: Shop) -> None:
    order_id, cancelled = uuid.uuid4(), uuid.uuid4()
    await shop.processor.aclose()
    for unknown in await asyncio.gather(refused(shop.charge(order_id)), refused(shop.charge(cancelled))):
        assert (unknown.code, unknown.reason) == (grpc.StatusCode.UNAVAILABLE, "PAYMENT_UNKNOWN")
    assert (await shop.cancel(cancelled)).cancel_requested
    await shop.sweep()
    assert (await shop.get(order_id)).state == CHARGING
    await shop.processor_up()
    await shop.sweep()
    assert (await shop.charge(order_id)).state == CHARGED
    async with asyncio.timeout(20):  # the channel to the processor comes back in its own time
        while (await shop.get(cancelled)).state == CHARGING:
            await shop.sweep()
    assert (await shop.get(cancelled)).state == VOIDED
    assert await shop.ledger(order_id) == [("CHARGE", 1250)]
    assert await shop.ledger(cancelled) == []


async def test_a_payment_is_seen_by_its_owner_and_by_operators_only(shop: Shop) -> None:
    charged, tombstone = uuid.uuid4(), uuid.uuid4()
    await shop.charge(charged)
    await shop.cancel(tombstone)
    assert (await shop.get(charged, ADA, "customer")).customer_id == str(ADA)
    assert (await shop.get(tombstone)).state == VOIDED
    foreign = await refused(shop.get(charged, BOB, "customer"))
    unknown = await refused(shop.get(uuid.uuid4(), BOB, "customer"))
    hidden = await refused(shop.get(tombstone, ADA, "customer"))
    assert {told.reason for told in (foreign, unknown, hidden)} == {"ACCESS_DENIED"}
    assert {told.message for told in (foreign, unknown, hidden)} == {foreign.message}


async def test_several_payments_are_read_at_once_and_only_ones_own(shop: Shop) -> None:
    mine, tombstone = uuid.uuid4(), uuid.uuid4()
    await shop.charge(mine)
    await shop.cancel(tombstone)
    asked = [mine, tombstone, uuid.uuid4()]
    assert await shop.batch(asked, ADA, "customer") == {str(mine)}
    assert await shop.batch(asked, BOB, "customer") == set()
    assert await shop.batch(asked, OLGA, "operator") == {str(mine), str(tombstone)}


async def test_the_token_is_not_in_what_is_answered_or_logged(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "tok_declined"
    await shop.processor.aclose()
    order_id = uuid.uuid4()
    unknown = await refused(shop.charge(order_id, secret))
    await shop.processor_up()
    await shop.sweep()
    told = await refused(shop.charge(order_id, secret))
    mismatch = await refused(shop.charge(order_id, secret, minor=1))
    logged = capsys.readouterr().out
    assert "charge_open" in logged
    for text in (unknown.message, told.message, mismatch.message, str(await shop.get(order_id)), logged):
        assert secret not in text
