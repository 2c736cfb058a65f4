"""The outbox on a real PostgreSQL: nothing is lost, nothing is skipped, each aggregate's order is kept."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from kit import outbox
from kit.background import Background
from kit.database import Connection, Database
from kit.errors import unavailable
from kit.events import Event
from kit.outbox import Relay
from kit.testing.events import TABLES
from kit.testing.postgres import scratch_database
from ordermesh.orders.v1.orders_events_pb2 import OrderConfirmed, OrderPlaced

pytestmark = pytest.mark.postgres
TOPIC = "ordermesh.orders.v1"


class Broker:
    """Takes events, or not; remembers what it took."""

    def __init__(self) -> None:
        self.taken: list[Event] = []
        self.away = False
        self.took = asyncio.Event()
        self.slow: dict[int, asyncio.Event] = {}  # by version: taken when set

    async def publish(self, event: Event) -> None:
        if self.away:
            raise unavailable("kafka", "away")
        if event.version in self.slow:
            await self.slow[event.version].wait()
        self.taken.append(event)
        self.took.set()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    (tmp_path / "1_outbox.sql").write_text(TABLES)
    async with scratch_database(tmp_path) as made:
        yield made


async def write(database: Database, relay: Relay | None, order_id: uuid.UUID, *versions: int) -> None:
    async with database.transaction() as connection:
        messages = [(version, OrderConfirmed(order_id=str(order_id))) for version in versions]
        written = await outbox.write(connection, TOPIC, order_id, messages, "CHOREOGRAPHY")
    if relay is not None:
        relay.committed(written)


async def unsent(database: Database) -> int:
    async with database.statement() as connection:
        return int(await connection.fetchval("select count(*) from outbox where sent_time is null"))


async def age(database: Database) -> None:
    """Let what is unsent look left behind."""
    async with database.statement() as connection:
        await connection.execute("update outbox set create_time = create_time - interval '1 minute'")


async def test_what_is_committed_is_sent_at_once_and_marked(database: Database) -> None:
    broker, background = Broker(), Background()
    await write(database, Relay(database, broker, background), order_id := uuid.uuid4(), 1, 2)
    await background.drain(5)
    assert [(event.key, event.version) for event in broker.taken] == [(order_id, 1), (order_id, 2)]
    assert broker.taken[0].type == "ordermesh.orders.v1.OrderConfirmed"
    assert await unsent(database) == 0


async def test_what_is_rolled_back_is_never_sent(database: Database) -> None:
    broker, background = Broker(), Background()
    with pytest.raises(RuntimeError):
        async with database.transaction() as connection:
            await outbox.write(connection, TOPIC, uuid.uuid4(), [(1, OrderPlaced())], "SYNC")
            raise RuntimeError("the business says no")
    await Relay(database, broker, background).sweep()
    assert broker.taken == []


async def test_a_broker_that_is_away_delays_and_loses_nothing(database: Database) -> None:
    broker, background = Broker(), Background()
    relay = Relay(database, broker, background)
    broker.away = True
    orders = [uuid.uuid4() for _ in range(10)]
    for order_id in orders:
        await write(database, relay, order_id, 1)
    await background.drain(5)
    waiting, seconds = await relay.lag()
    assert waiting == 10
    assert 0 <= seconds < 60
    broker.away = False
    await age(database)
    assert await relay.sweep() == 10
    assert {event.key for event in broker.taken} == set(orders)
    assert (await relay.lag())[0] == 0


async def test_a_later_event_never_overtakes_one_that_waits(database: Database) -> None:
    broker, background = Broker(), Background()
    relay = Relay(database, broker, background)
    order_id = uuid.uuid4()
    broker.away = True
    await write(database, relay, order_id, 1)
    await background.drain(5)
    broker.away = False
    await write(database, relay, order_id, 2)  # the first is left behind: both wait for the sweep
    await background.drain(5)
    assert broker.taken == []
    await age(database)
    await relay.sweep()
    assert [event.version for event in broker.taken] == [1, 2]


async def test_an_event_waits_for_its_predecessor_that_is_on_its_way(database: Database) -> None:
    broker, background = Broker(), Background()
    relay = Relay(database, broker, background)
    order_id = uuid.uuid4()
    broker.slow[1] = asyncio.Event()
    await write(database, relay, order_id, 1)
    await write(database, relay, order_id, 2)
    await write(database, relay, other := uuid.uuid4(), 2)
    await asyncio.wait_for(broker.took.wait(), 5)
    assert [event.key for event in broker.taken] == [other]
    broker.slow[1].set()
    await background.drain(5)
    assert [event.version for event in broker.taken if event.key == order_id] == [1, 2]


async def test_a_long_transaction_with_an_early_row_is_not_skipped(database: Database) -> None:
    broker, background = Broker(), Background()
    relay = Relay(database, broker, background)
    early = uuid.uuid4()
    async with database.transaction() as connection:
        await outbox.write(connection, TOPIC, early, [(1, OrderPlaced())], "SYNC")
        await write(database, relay, uuid.uuid4(), 1)  # commits first
        await background.drain(5)
        await age(database)
        await relay.sweep()
        assert early not in {event.key for event in broker.taken}
    await age(database)
    await relay.sweep()
    assert early in {event.key for event in broker.taken}


async def test_two_relays_at_once_keep_each_order_and_lose_nothing(database: Database) -> None:
    broker, background = Broker(), Background()
    orders = [uuid.uuid4() for _ in range(20)]
    for order_id in orders:
        await write(database, None, order_id, 1, 2, 3)  # their committers died
    await age(database)
    relays = [Relay(database, broker, background) for _ in range(3)]
    await asyncio.gather(*(relay.sweep() for relay in relays))
    for order_id in orders:
        versions = [event.version for event in broker.taken if event.key == order_id]
        assert list(dict.fromkeys(versions)) == [1, 2, 3]
    assert await unsent(database) == 0


async def test_what_was_sent_long_ago_is_forgotten_and_what_waits_is_kept(database: Database) -> None:
    broker, background = Broker(), Background()
    relay = Relay(database, broker, background)
    await write(database, relay, uuid.uuid4(), 1)
    await background.drain(5)
    await write(database, None, uuid.uuid4(), 1)
    await relay.forget(timedelta(0))
    async with database.statement() as connection:
        assert await connection.fetchval("select count(*) from outbox") == 1
    assert await unsent(database) == 1


async def test_an_event_does_not_overtake_one_that_another_process_has_written(database: Database) -> None:
    """Its own predecessor is on its way, but the one between them is somebody else's, who has died."""
    broker, background = Broker(), Background()
    relay, order_id = Relay(database, broker, background), uuid.uuid4()
    broker.slow[1] = asyncio.Event()
    await write(database, relay, order_id, 1)
    await write(database, None, order_id, 2)
    await write(database, relay, order_id, 3)
    broker.slow[1].set()
    await background.drain(5)
    assert [event.version for event in broker.taken] == [1]
    await age(database)
    await relay.sweep()
    assert [event.version for event in broker.taken] == [1, 2, 3]


async def test_two_processes_that_write_of_one_aggregate_keep_its_order(database: Database) -> None:
    broker, background = Broker(), Background()
    one, other = (Relay(database, broker, background) for _ in range(2))
    order_id = uuid.uuid4()
    broker.slow[1] = asyncio.Event()
    for version, relay in ((1, one), (2, other), (3, one), (4, other)):
        await write(database, relay, order_id, version)
    broker.slow[1].set()
    await background.drain(5)
    await age(database)
    await one.sweep()
    assert [event.version for event in broker.taken] == [1, 2, 3, 4]
    await write(database, other, order_id, 5)  # nothing waits any more: at once
    await background.drain(5)
    assert broker.taken[-1].version == 5


async def test_events_of_one_transaction_and_the_next_follow_each_other(database: Database) -> None:
    broker, background = Broker(), Background()
    relay, order_id = Relay(database, broker, background), uuid.uuid4()
    broker.slow[1] = asyncio.Event()
    await write(database, relay, order_id, 1, 2)
    await write(database, relay, order_id, 3)
    await write(database, relay, order_id, 4)
    broker.slow[1].set()
    await background.drain(5)
    assert [event.version for event in broker.taken] == [1, 2, 3, 4]


async def test_a_sweep_without_anything_left_asks_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, asked = Broker(), list[str]()
    statement = database.statement

    def counted() -> AbstractAsyncContextManager[Connection]:
        asked.append("statement")
        return statement()

    monkeypatch.setattr(database, "statement", counted)
    await write(database, None, uuid.uuid4(), 1)  # just now: its committer is at it
    asked.clear()
    assert await Relay(database, broker, Background()).sweep() == 0
    assert (asked, broker.taken) == (["statement"], [])


async def test_the_lag_is_what_waits_and_since_when(database: Database) -> None:
    broker, background = Broker(), Background()
    relay = Relay(database, broker, background)
    assert await relay.lag() == (0, 0.0)
    await write(database, None, uuid.uuid4(), 1)
    await age(database)
    await write(database, None, uuid.uuid4(), 1, 2)
    waiting, seconds = await relay.lag()
    assert waiting == 3
    assert seconds >= 60
