"""Synchronous orders that are too many are refused before anything is written; on a real PostgreSQL."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.requests import RequestKey
from kit.testing.events import Remembering, relay_to
from kit.testing.postgres import scratch_database
from services.orders import messages, usecases
from services.orders.changes import ChangeHub
from services.orders.coordination.driver import Driver
from services.orders.coordination.journal import Heard, Message
from services.orders.coordination.participants import Participants
from services.orders.coordination.sync import SyncCoordination
from services.orders.domain import Coordination, Flow, Order, Product, Wait
from services.orders.outcome import OrderRefused, Overloaded
from services.orders.store import PLACE_ORDER, OrdersUnitOfWork
from services.orders.usecases import PlaceOrder
from services.orders.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
ADA = uuid.uuid4()
AT_ONCE = 2


class Catalogue:
    """One product."""

    async def products(self, skus: list[str]) -> dict[str, Product]:
        return {"MUG-BLUE": Product("MUG-BLUE", "Blue mug", 1250, "EUR")}


class Slow(Participants):
    """An inventory that has nothing, and says so when it is let."""

    def __init__(self) -> None:
        away = Peer("inventory", "127.0.0.1:1")
        super().__init__(away, away, away)
        self.asked = asyncio.Semaphore(0)
        self.may_answer = asyncio.Event()

    async def reserve(self, order: Order) -> Message:
        self.asked.release()
        await self.may_answer.wait()
        return Message(Heard.STOCK_REFUSED, "OUT_OF_STOCK", {})


@dataclass
class Shop:
    """The service without RPCs and Kafka."""

    database: Database
    inventory: Slow = field(default_factory=Slow)

    def __post_init__(self) -> None:
        changes = ChangeHub()
        self.uow = OrdersUnitOfWork(
            self.database, changes, relay_to(Remembering(), self.database), messages.to_event
        )
        driver = Driver(self.uow, self.inventory, changes, 60.0)
        self.sync = SyncCoordination(self.uow, driver, Background(), changes, 60.0, AT_ONCE)

    async def place(self, request_id: uuid.UUID | None = None) -> Order:
        key = RequestKey(str(ADA), PLACE_ORDER, request_id or uuid.uuid4(), b"body")
        wanted, token = (("MUG-BLUE", 2),), "tok_of_ada"
        command = PlaceOrder(key, ADA, wanted, token, Coordination.SYNC, Flow.STANDARD, Wait.FINAL)
        return await usecases.place_order(command, self.uow, Catalogue(), {Coordination.SYNC: self.sync})

    async def count(self) -> int:
        async with self.database.statement() as connection:
            return int(await connection.fetchval("select count(*) from orders"))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with scratch_database(MIGRATIONS) as database:
        yield Shop(database)


async def test_one_order_too_many_is_refused_and_leaves_nothing(shop: Shop) -> None:
    first = uuid.uuid4()
    under_way = [asyncio.create_task(shop.place(key)) for key in (first, uuid.uuid4())]
    for _ in under_way:
        await shop.inventory.asked.acquire()
    refused = uuid.uuid4()
    with pytest.raises(Overloaded, match="2 orders are under way"):
        await shop.place(refused)
    assert await shop.count() == AT_ONCE

    again = asyncio.create_task(shop.place(first))  # a repeat is no new order
    shop.inventory.may_answer.set()
    for task in (*under_way, again):
        with pytest.raises(OrderRefused):
            await task
    with pytest.raises(OrderRefused):
        await shop.place(refused)  # there is room now
    assert await shop.count() == AT_ONCE + 1


async def test_orders_that_cannot_be_created_make_room_again(shop: Shop) -> None:
    shop.inventory.may_answer.set()
    key = RequestKey(str(ADA), PLACE_ORDER, uuid.uuid4(), b"body")
    unknown = PlaceOrder(key, ADA, (("NOTHING", 1),), "tok", Coordination.SYNC, Flow.STANDARD, Wait.FINAL)
    for _ in range(AT_ONCE + 1):
        with pytest.raises(KeyError):
            await usecases.place_order(unknown, shop.uow, Catalogue(), {Coordination.SYNC: shop.sync})
    with pytest.raises(OrderRefused):
        await shop.place()


async def test_one_that_comes_in_a_burst_waits_for_room(shop: Shop) -> None:
    under_way = [asyncio.create_task(shop.place()) for _ in range(AT_ONCE)]
    for _ in under_way:
        await shop.inventory.asked.acquire()
    waiting = [asyncio.create_task(shop.place()) for _ in range(AT_ONCE)]
    shop.inventory.may_answer.set()
    for task in (*under_way, *waiting):
        with pytest.raises(OrderRefused):
            await task
    assert await shop.count() == 2 * AT_ONCE
