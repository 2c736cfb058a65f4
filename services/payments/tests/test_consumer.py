"""Payments hears the events of a choreographed saga, in every order and more than once, and charges once."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from kit.background import Background
from kit.channels import Unanswered
from kit.database import Database
from kit.deadletters import DeadLetters
from kit.dispatch import Dispatcher
from kit.events import Record, from_record
from kit.money import from_minor
from kit.testing.events import Remembering, RememberingRecords, event_of, record_of, relay_to
from kit.testing.logs import as_a_service_logs
from kit.testing.postgres import scratch_database
from ordermesh.inventory.v1.inventory_events_pb2 import StockReservationExpired, StockReserved
from ordermesh.orders.v1.orders_events_pb2 import OrderCancellationRequested, OrderPlaced
from ordermesh.orders.v1.orders_pb2 import OrderLine
from services.payments import messages
from services.payments.consumer import PaymentsConsumer
from services.payments.domain import Answer, Outcome, Payment
from services.payments.settlement import Settlement
from services.payments.store import CONSUMER, PaymentsUnitOfWork
from services.payments.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ADA = uuid.uuid4()
TOKEN = "tok_approved"


@dataclass
class FakeProcessor:
    """Approves every key once; can be away, or let callers wait."""

    away: bool = False
    gate: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    approved: list[uuid.UUID] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    async def charge(self, payment: Payment) -> Answer:
        self.heard.append("charge")
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise Unanswered("processor", "UNREACHABLE", sent=False)
        if payment.order_id not in self.approved:
            self.approved.append(payment.order_id)
        return Answer(Outcome.APPROVED)

    async def authorize(self, payment: Payment) -> Answer:
        raise AssertionError("no event asks for an authorisation")

    async def capture(self, payment: Payment) -> Answer:
        raise AssertionError("no event asks for a capture")

    async def void(self, payment: Payment) -> Answer:
        self.heard.append("void")
        return Answer(Outcome.VOIDED)

    async def refund(self, payment: Payment) -> Answer:
        self.heard.append("refund")
        return Answer(Outcome.REFUNDED)


class Instance:
    """One process of the service, without RPCs and Kafka."""

    def __init__(self, database: Database, processor: FakeProcessor) -> None:
        self.database = database
        self.processor = processor
        self.background = Background()
        uow = PaymentsUnitOfWork(database, relay_to(Remembering(), database), messages.to_event)
        self.settlement = Settlement(uow, processor, self.background)
        letters = DeadLetters(CONSUMER, database, RememberingRecords())
        self.dispatcher = Dispatcher(PaymentsConsumer(CONSUMER, uow, self.settlement).subscription, letters)

    async def hears(self, *records: Record) -> None:
        for record in records:
            await self.dispatcher.dispatch(record)

    async def state(self, order_id: uuid.UUID) -> str:
        async with self.database.statement() as connection:
            query = "select state from payments where order_id = $1"
            return str(await connection.fetchval(query, order_id))

    async def told(self, order_id: uuid.UUID) -> list[tuple[int, str, str]]:
        """Version, type and coordination of every event written of an order."""
        async with self.database.statement() as connection:
            rows = await connection.fetch(
                "select version, type, coordination from outbox where key = $1 order by version", order_id
            )
        return [(row["version"], row["type"].rsplit(".", 1)[-1], row["coordination"]) for row in rows]

    async def marked(self, *records: Record) -> int:
        """How many of these events are marked as applied."""
        ids = [from_record(record).event_id for record in records]
        async with self.database.statement() as connection:
            query = "select count(*) from inbox where consumer = $1 and event_id = any($2)"
            return int(await connection.fetchval(query, CONSUMER, ids))

    async def dead(self) -> list[str]:
        return [letter.cause.reason for letter in await self.dispatcher.dead_letters.page(True, None, 10)]

    async def sweep(self) -> None:
        """A round, as if every lease were over."""
        async with self.database.statement() as connection:
            await connection.execute("update payments set next_attempt_time = now() - interval '1 second'")
        await self.settlement.sweep()


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Instance]:
    monkeypatch.setattr("services.payments.settlement.PAUSES", (0.001, 0.001))
    monkeypatch.setattr("kit.dispatch.RETRY_PAUSES", (0.001,))
    async with scratch_database(MIGRATIONS) as database:
        instance = Instance(database, FakeProcessor())
        yield instance
        await instance.background.drain(5)


def placed(order_id: uuid.UUID, minor: int = 1250, coordination: str = "CHOREOGRAPHY") -> Record:
    price = from_minor(minor, "EUR")
    message = OrderPlaced(
        order_id=str(order_id),
        customer_id=str(ADA),
        lines=[OrderLine(sku="MUG-BLUE", title="Blue mug", quantity=1, unit_price=price)],
        total=price,
        payment_token=TOKEN,
    )
    return record_of(event_of(message, order_id, coordination=coordination))


def reserved(order_id: uuid.UUID, coordination: str = "CHOREOGRAPHY") -> Record:
    return record_of(event_of(StockReserved(order_id=str(order_id)), order_id, coordination=coordination))


def cancelled(order_id: uuid.UUID) -> Record:
    message = OrderCancellationRequested(order_id=str(order_id), reason="CANCELLED_BY_CUSTOMER")
    return record_of(event_of(message, order_id, 2))


def expired(order_id: uuid.UUID) -> Record:
    return record_of(event_of(StockReservationExpired(order_id=str(order_id)), order_id, 2))


CHARGED = [(1, "PaymentProcessed", "CHOREOGRAPHY")]
VOIDED = [(1, "PaymentFailed", "CHOREOGRAPHY")]


@pytest.mark.parametrize("stock_first", [False, True])
async def test_the_second_of_order_and_stock_charges_and_a_repeat_changes_nothing(
    shop: Instance, stock_first: bool
) -> None:
    order_id = uuid.uuid4()
    records = [placed(order_id), reserved(order_id)][:: -1 if stock_first else 1]
    await shop.hears(records[0], records[0])
    assert (shop.processor.heard, await shop.state(order_id)) == ([], "NONE")
    await shop.hears(records[1], records[1], *records)
    assert (shop.processor.heard, await shop.state(order_id)) == (["charge"], "CHARGED")
    assert await shop.told(order_id) == CHARGED
    assert shop.dispatcher.counts == {"applied": 2, "repeated": 4}
    assert await shop.marked(*records) == 2


async def test_order_and_stock_at_the_same_time_charge_once(shop: Instance) -> None:
    orders = [uuid.uuid4() for _ in range(8)]
    records = [kind(order_id) for order_id in orders for kind in (placed, reserved)]
    await asyncio.gather(*(shop.hears(record) for record in records))
    assert sorted(shop.processor.approved) == sorted(orders)
    assert shop.processor.heard == ["charge"] * len(orders)
    assert [await shop.told(order_id) for order_id in orders] == [CHARGED] * len(orders)
    assert await shop.marked(*records) == len(records)


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("stock_first", [False, True])
async def test_a_cancel_before_the_charge_is_final(shop: Instance, position: int, stock_first: bool) -> None:
    order_id = uuid.uuid4()
    records = [placed(order_id), reserved(order_id)][:: -1 if stock_first else 1]
    cancel = cancelled(order_id)
    await shop.hears(*records[:position], cancel, *records[position:], cancel)
    assert (shop.processor.heard, await shop.state(order_id)) == ([], "VOIDED")
    assert await shop.told(order_id) == VOIDED
    assert await shop.dead() == []


async def test_a_cancel_after_the_charge_is_too_late_and_no_dead_letter(shop: Instance) -> None:
    order_id = uuid.uuid4()
    await shop.hears(placed(order_id), reserved(order_id), cancelled(order_id), expired(order_id))
    assert (await shop.state(order_id), await shop.told(order_id)) == ("CHARGED", CHARGED)
    assert (shop.processor.heard, await shop.dead()) == (["charge"], [])
    assert shop.dispatcher.counts == {"applied": 4}


async def test_an_overdue_hold_during_the_charge_pays_back(shop: Instance) -> None:
    order_id = uuid.uuid4()
    shop.processor.gate = asyncio.Event()
    charging = asyncio.create_task(shop.hears(placed(order_id), reserved(order_id)))
    await shop.processor.reached.wait()
    await shop.hears(expired(order_id))
    shop.processor.gate.set()
    await charging
    assert shop.processor.heard == ["charge", "refund"]
    assert await shop.told(order_id) == [
        (1, "PaymentRefunded", "CHOREOGRAPHY"),
        (2, "PaymentFailed", "CHOREOGRAPHY"),
    ]
    async with shop.database.statement() as connection:
        assert await connection.fetchval("select reason from payments") == "RESERVATION_EXPIRED"


async def test_with_the_processor_away_the_event_goes_and_the_sweeper_ends_the_charge(
    shop: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payments.usecases.HEAR_SECONDS", 0.01)
    order_id, shop.processor.away = uuid.uuid4(), True
    await shop.hears(placed(order_id), stock := reserved(order_id))
    assert (await shop.state(order_id), await shop.marked(stock)) == ("CHARGING", 1)
    assert await shop.told(order_id) == []
    await shop.background.drain(5)
    shop.processor.away = False
    await shop.sweep()
    await shop.hears(stock)
    assert (await shop.state(order_id), await shop.told(order_id)) == ("CHARGED", CHARGED)
    assert shop.processor.approved == [order_id]


async def test_an_event_that_comes_again_during_its_charge_joins_it(shop: Instance) -> None:
    order_id = uuid.uuid4()
    await shop.hears(placed(order_id))
    shop.processor.gate, stock = asyncio.Event(), reserved(order_id)
    first = asyncio.create_task(shop.hears(stock))
    await shop.processor.reached.wait()
    again = asyncio.create_task(shop.hears(stock))
    done, _ = await asyncio.wait({first, again}, timeout=0.2)
    assert not done  # an offset is committed only behind the outcome
    assert await shop.marked(stock) == 0
    shop.processor.gate.set()
    await asyncio.gather(first, again)
    assert (shop.processor.heard, await shop.marked(stock)) == (["charge"], 1)
    assert await shop.told(order_id) == CHARGED


async def test_after_a_crash_between_charge_and_outcome_the_event_charges_once(shop: Instance) -> None:
    order_id = uuid.uuid4()
    shop.processor.gate = asyncio.Event()
    handling = asyncio.create_task(shop.hears(placed(order_id), stock := reserved(order_id)))
    await shop.processor.reached.wait()
    shop.processor.approved.append(order_id)  # it was charged; nobody here has heard so
    handling.cancel()
    await shop.background.drain(0)
    assert (await shop.state(order_id), await shop.marked(stock)) == ("CHARGING", 0)
    shop.processor.gate = None
    after = Instance(shop.database, shop.processor)
    await after.hears(stock, stock)
    assert after.dispatcher.counts == {"applied": 1, "repeated": 1}
    assert shop.processor.approved == [order_id]
    assert (await after.state(order_id), await after.told(order_id)) == ("CHARGED", CHARGED)


async def test_an_order_on_other_terms_is_set_aside_and_has_no_effect(shop: Instance) -> None:
    order_id = uuid.uuid4()
    await shop.hears(placed(order_id), other := placed(order_id, minor=1), reserved(order_id))
    assert await shop.dead() == ["ILLEGAL_TRANSITION"]
    assert await shop.marked(other) == 0
    async with shop.database.statement() as connection:
        assert await connection.fetchval("select amount_minor from payments") == 1250
    assert await shop.told(order_id) == CHARGED


async def test_the_events_of_other_coordinations_are_skipped(shop: Instance) -> None:
    order_id = uuid.uuid4()
    for coordination in ("SYNC", "ORCHESTRATION"):
        await shop.hears(
            placed(order_id, coordination=coordination), reserved(order_id, coordination=coordination)
        )
    assert shop.dispatcher.counts == {"skipped": 4}
    assert await shop.state(order_id) == "None"


async def test_the_token_is_in_no_event_and_no_log_line(
    shop: Instance, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payments.usecases.HEAR_SECONDS", 0.01)
    order_id, shop.processor.away = uuid.uuid4(), True
    with as_a_service_logs("payments"):
        await shop.hears(placed(order_id), placed(order_id, minor=1), reserved(order_id))
        await shop.background.drain(5)
        shop.processor.away = False
        await shop.sweep()
    assert await shop.told(order_id) == CHARGED
    async with shop.database.statement() as connection:
        payload = await connection.fetchval("select payload from outbox")
        errors = await connection.fetch("select reason, error from dead_letters")
    assert TOKEN.encode() not in payload
    captured = capsys.readouterr()
    logged = captured.out + captured.err
    assert "charge_open" in logged
    assert "event_failed" in logged
    assert TOKEN not in logged + str(errors)
