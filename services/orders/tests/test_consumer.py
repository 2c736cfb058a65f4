"""Orders hears how a choreographed saga ends, and what it tells itself; on a real PostgreSQL."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from kit.background import Background
from kit.database import Database
from kit.deadletters import DeadLetters
from kit.dispatch import Dispatcher
from kit.errors import unavailable
from kit.events import Record
from kit.money import from_minor
from kit.payloads import data_converter
from kit.requests import RequestKey
from kit.temporal import Temporal
from kit.testing.events import Remembering, RememberingRecords, event_of, record_of, relay_to
from kit.testing.logs import as_a_service_logs
from kit.testing.postgres import scratch_database
from ordermesh.inventory.v1.inventory_events_pb2 import (
    ShortStock,
    StockReleased,
    StockReservationExpired,
    StockReservationFailed,
)
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from ordermesh.payments.v1.payments_events_pb2 import PaymentProcessed
from services.orders import domain, messages, usecases
from services.orders.changes import ChangeHub
from services.orders.consumer import OrdersConsumer
from services.orders.coordination.choreography import Choreography
from services.orders.coordination.orchestration import Orchestration
from services.orders.coordination.workflows import Workflows
from services.orders.domain import Approval, Coordination, Flow, Order, Product, State, Wait
from services.orders.store import CONSUMER, PLACE_ORDER, OrdersTransaction, OrdersUnitOfWork
from services.orders.usecases import Mode, PlaceOrder, Viewer
from services.orders.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ADA = uuid.uuid4()
TEMPORAL = Temporal("127.0.0.1:1", "default", converter=data_converter())
APPROVAL = Approval(50_000, timedelta(days=1))
TOKEN = "tok_of_ada"
BY_EVENT = "CHOREOGRAPHY"


class Catalogue:
    """One product."""

    async def products(self, skus: list[str]) -> dict[str, Product]:
        return {"MUG-BLUE": Product("MUG-BLUE", "Blue mug", 1250, "EUR")}


class Journalled(Choreography):
    """The synchronous chain as far as it is written down; nobody drives it here."""

    async def begin(self, order: Order, payment_token: str, tx: usecases.Transaction) -> None:
        assert isinstance(tx, OrdersTransaction)
        await tx.journal.open(order.order_id, payment_token, 60.0)


class NobodyThere(Workflows):
    """A Temporal that does not answer."""

    async def start(self, order: Order, traceparent: str) -> None:
        raise unavailable("temporal", "away")

    async def tell(self, order_id: uuid.UUID, signal: str, reason: str) -> bool:
        raise unavailable("temporal", "away")


@dataclass
class Shop:
    """The service without RPCs and Kafka."""

    database: Database

    def __post_init__(self) -> None:
        changes = ChangeHub()
        relay = relay_to(Remembering(), self.database)
        self.uow = OrdersUnitOfWork(self.database, changes, relay, messages.to_event)
        self.modes: dict[Coordination, Mode] = {
            Coordination.CHOREOGRAPHY: Choreography(self.uow, changes),
            Coordination.SYNC: Journalled(self.uow, changes),
        }
        letters = DeadLetters(CONSUMER, self.database, RememberingRecords())
        orchestration = Orchestration(self.uow, NobodyThere(TEMPORAL, "sagas", APPROVAL), Background())
        self.modes[Coordination.ORCHESTRATION] = orchestration
        consumer = OrdersConsumer(CONSUMER, self.uow, orchestration)
        self.dispatcher = Dispatcher(consumer.subscription, letters)

    async def place(self, coordination: Coordination = Coordination.CHOREOGRAPHY) -> uuid.UUID:
        key = RequestKey(str(ADA), PLACE_ORDER, uuid.uuid4(), b"body")
        command = PlaceOrder(key, ADA, (("MUG-BLUE", 2),), TOKEN, coordination, Flow.STANDARD, Wait.ACCEPTED)
        return (await usecases.place_order(command, self.uow, Catalogue(), self.modes)).order_id

    async def order(self, order_id: uuid.UUID) -> Order:
        return await usecases.get_order(order_id, Viewer(ADA, is_operator=False), self.uow)

    async def hears(self, *records: Record) -> None:
        for record in records:
            await self.dispatcher.dispatch(record)

    async def rows(self, query: str, *values: Any) -> list[Any]:
        async with self.database.statement() as connection:
            return list(await connection.fetch(query, *values))

    async def told(self, order_id: uuid.UUID) -> list[tuple[int, str, str]]:
        """Version, type and coordination of every event written of an order."""
        rows = await self.rows("select * from outbox where key = $1 order by version", order_id)
        return [(row["version"], row["type"].rsplit(".", 1)[-1], row["coordination"]) for row in rows]

    async def dead(self) -> list[str]:
        return [letter.cause.reason for letter in await self.dispatcher.dead_letters.page(True, None, 10)]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with scratch_database(MIGRATIONS) as database:
        yield Shop(database)


def paid(order_id: uuid.UUID, coordination: str = BY_EVENT) -> Record:
    amount = from_minor(2500, "EUR")
    message = PaymentProcessed(order_id=str(order_id), customer_id=str(ADA), amount=amount)
    return record_of(event_of(message, order_id, coordination=coordination))


def short(order_id: uuid.UUID, coordination: str = BY_EVENT) -> Record:
    missing = [ShortStock(sku="MUG-BLUE", wanted=2, left=0)]
    message = StockReservationFailed(order_id=str(order_id), reason="OUT_OF_STOCK", short=missing)
    return record_of(event_of(message, order_id, coordination=coordination))


def released(order_id: uuid.UUID, coordination: str = BY_EVENT) -> Record:
    message = StockReleased(order_id=str(order_id), reason="PAYMENT_DECLINED")
    return record_of(event_of(message, order_id, coordination=coordination))


PLACED = (1, "OrderPlaced", BY_EVENT)
CONFIRMED, CANCELLED = (2, "OrderConfirmed", BY_EVENT), (2, "OrderCancelled", BY_EVENT)


@pytest.mark.parametrize(
    ("outcome", "state", "reason", "told"),
    [
        (paid, State.CONFIRMED, "", CONFIRMED),
        (short, State.CANCELLED, "OUT_OF_STOCK", CANCELLED),
        (released, State.CANCELLED, "PAYMENT_DECLINED", CANCELLED),
    ],
    ids=["paid", "short", "released"],
)
async def test_the_outcome_ends_the_order_once(
    shop: Shop, outcome: Any, state: State, reason: str, told: tuple[int, str, str]
) -> None:
    order_id = await shop.place()
    await shop.hears(event := outcome(order_id), event, outcome(order_id))
    order = await shop.order(order_id)
    assert (order.state, order.reason, order.version) == (state, reason, 2)
    assert await shop.told(order_id) == [PLACED, told]
    assert shop.dispatcher.counts == {"applied": 2, "repeated": 1}


@pytest.mark.parametrize(
    ("first", "then"), [(paid, short), (paid, released), (released, paid), (short, paid)]
)
async def test_an_outcome_that_contradicts_the_first_is_set_aside_without_effect(
    shop: Shop, first: Any, then: Any
) -> None:
    order_id = await shop.place()
    await shop.hears(first(order_id))
    before = await shop.order(order_id)
    await shop.hears(then(order_id))
    assert await shop.dead() == ["ILLEGAL_TRANSITION"]
    assert await shop.order(order_id) == before
    assert len(await shop.told(order_id)) == 2
    assert len(await shop.rows("select from inbox")) == 1


async def test_two_contradicting_outcomes_at_once_have_one_winner(shop: Shop) -> None:
    orders = [await shop.place() for _ in range(5)]
    events = [kind(order_id) for order_id in orders for kind in (paid, released)]
    await asyncio.gather(*(shop.hears(event) for event in events))
    assert await shop.dead() == ["ILLEGAL_TRANSITION"] * len(orders)
    assert [len(await shop.told(order_id)) for order_id in orders] == [2] * len(orders)


async def test_an_outcome_of_an_unknown_order_is_set_aside(shop: Shop) -> None:
    await shop.hears(paid(uuid.uuid4()), short(uuid.uuid4()))
    assert await shop.dead() == ["ORDER_UNKNOWN", "ORDER_UNKNOWN"]
    assert await shop.rows("select from inbox") == []
    await shop.hears(paid(order_id := await shop.place()))
    assert (await shop.order(order_id)).state is State.CONFIRMED


async def test_a_wish_to_cancel_is_told_with_the_next_version(shop: Shop) -> None:
    order_id = await shop.place()
    async with shop.uow.begin() as tx:
        await tx.record(domain.request_cancel(await tx.order(order_id)))
    await shop.hears(released(order_id))
    assert await shop.told(order_id) == [
        PLACED,
        (2, "OrderCancellationRequested", BY_EVENT),
        (3, "OrderCancelled", BY_EVENT),
    ]


async def test_outcomes_of_other_coordinations_are_skipped(shop: Shop) -> None:
    """The synchronous chain hears its outcomes as answers."""
    order_id = await shop.place(Coordination.SYNC)
    await shop.hears(*(kind(order_id, "SYNC") for kind in (paid, short, released)))
    assert shop.dispatcher.counts == {"skipped": 3}
    assert (await shop.order(order_id)).state is State.PENDING


@pytest.mark.parametrize("coordination", ["SYNC", BY_EVENT])
async def test_an_overdue_hold_wakes_the_sweeper_of_the_synchronous_chain_alone(
    shop: Shop, coordination: str
) -> None:
    order_id = await shop.place(Coordination.SYNC)
    message = StockReservationExpired(order_id=str(order_id))
    await shop.hears(record_of(event_of(message, order_id, 2, coordination)))
    async with shop.uow.begin() as tx:
        taken = [entry.order_id for entry in await tx.journal.take(10, 60.0)]
    assert taken == ([order_id] if coordination == "SYNC" else [])


@pytest.mark.parametrize("coordination", [Coordination.SYNC, Coordination.CHOREOGRAPHY])
async def test_the_payment_token_is_told_where_events_carry_the_order_and_never_logged(
    shop: Shop, coordination: Coordination, capsys: pytest.CaptureFixture[str]
) -> None:
    with as_a_service_logs("orders"):
        order_id = await shop.place(coordination)
        await shop.hears(short(order_id), paid(order_id), paid(uuid.uuid4()))
    (row,) = await shop.rows("select * from outbox where key = $1 and version = 1", order_id)
    message = OrderPlaced.FromString(row["payload"])
    assert message.payment_token == (TOKEN if coordination is Coordination.CHOREOGRAPHY else "")
    assert (message.customer_id, message.lines[0].quantity) == (str(ADA), 2)
    assert row["coordination"] == coordination
    captured = capsys.readouterr()
    assert "dead_letter" in captured.out
    assert TOKEN not in captured.out + captured.err
