"""The store and the use cases on a real PostgreSQL: sums, repeats, gaps, orders side by side, pages."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from kit.database import Database
from kit.inbox import AlreadyApplied, Stale
from kit.testing.postgres import scratch_url
from services.analytics import store, usecases
from services.analytics.domain import Amount, Counts, Heard, Line, ProductHour, Told, Totals, VersionGap
from services.analytics.store import CONSUMER, AnalyticsUnitOfWork
from services.analytics.usecases import CountEvent, ListSales, Position
from services.analytics.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MUG, TEA = Line("MUG-BLUE", 2, 2500), Line("TEA-GREEN", 1, 480)


@dataclass
class Analytics:
    """The service's use cases, by two instances that share a database."""

    url: str
    databases: Sequence[Database]

    @property
    def uow(self) -> AnalyticsUnitOfWork:
        return AnalyticsUnitOfWork(self.databases[0])

    async def hear(self, *events: CountEvent, instance: int = 0) -> None:
        """Events, one after the other."""
        for event in events:
            await usecases.count_event(event, AnalyticsUnitOfWork(self.databases[instance]))

    async def totals(self) -> Totals:
        return await usecases.get_totals(self.uow)

    async def page(
        self, sku: str = "", start: datetime | None = None, after: Position | None = None, size: int = 20
    ) -> list[tuple[str, int]]:
        """The skus and hours of a page."""
        found = await usecases.list_sales(ListSales(sku, start, after, size), self.uow)
        return [(entry.sku, entry.hour.hour) for entry in found]

    async def clear(self) -> None:
        async with store.cleared(self.databases[0]):
            pass

    async def count(self, table: str) -> int:
        connection = await asyncpg.connect(self.url)
        try:
            return int(await connection.fetchval(f"select count(*) from {table}"))
        finally:
            await connection.close()


@pytest.fixture
async def analytics() -> AsyncIterator[Analytics]:
    async with scratch_url(MIGRATIONS) as url:
        databases = [Database(url, MIGRATIONS), Database(url, MIGRATIONS)]
        for database in databases:
            await database.open()
        yield Analytics(url, databases)
        for database in databases:
            await database.close()


def order(
    *tolds: Told, lines: tuple[Line, ...] = (MUG,), at: datetime = NOON, currency: str = "EUR"
) -> list[CountEvent]:
    """The events of a new order: placed, then these, a second apart."""
    order_id = uuid.uuid4()
    placed = Heard(Told.PLACED, 1, at, lines, currency)
    more = [Heard(told, n, at + timedelta(seconds=n - 1)) for n, told in enumerate(tolds, 2)]
    return [CountEvent(uuid.uuid4(), order_id, heard) for heard in (placed, *more)]


async def test_sales_add_up_by_product_and_hour(analytics: Analytics) -> None:
    await analytics.hear(*order(Told.CONFIRMED, lines=(MUG, TEA)))
    await analytics.hear(*order(Told.CANCELLATION_REQUESTED, Told.CONFIRMED, at=NOON + timedelta(minutes=59)))
    await analytics.hear(*order(Told.CANCELLED), *order(), *order(Told.CONFIRMED, currency="USD"))
    found = await usecases.list_sales(ListSales("", None, None, 20), analytics.uow)
    mugs = (Amount(5000, "EUR"), Amount(2500, "USD"))
    assert list(found) == [
        ProductHour("MUG-BLUE", NOON, 5, 3, 1, 6, mugs, timedelta(seconds=4)),
        ProductHour("TEA-GREEN", NOON, 1, 1, 0, 1, (Amount(480, "EUR"),), timedelta(seconds=1)),
    ]
    totals = await analytics.totals()
    assert totals.counts == Counts(events=10, orders=5, confirmed=3, cancelled=1)
    assert totals.revenue == (Amount(5480, "EUR"), Amount(2500, "USD"))


async def test_an_empty_read_model_has_a_digest_too(analytics: Analytics) -> None:
    totals = await analytics.totals()
    assert totals.counts == Counts(0, 0, 0, 0)
    assert len(totals.digest) == 64


async def test_a_day_of_waiting_is_a_day(analytics: Analytics) -> None:
    """PostgreSQL says more than a day in days and hours."""
    placed, confirmed = order(Told.CONFIRMED)
    late = Heard(Told.CONFIRMED, 2, NOON + timedelta(days=40, microseconds=3))
    await analytics.hear(placed, CountEvent(confirmed.event_id, confirmed.order_id, late))
    (found,) = await usecases.list_sales(ListSales("", None, None, 20), analytics.uow)
    assert found.waited == timedelta(days=40, microseconds=3)


async def test_an_event_that_comes_again_counts_once(analytics: Analytics) -> None:
    events = order(Told.CONFIRMED)
    await analytics.hear(*events)
    before = await analytics.totals()
    for event in events:
        with pytest.raises(AlreadyApplied):
            await analytics.hear(event)
    assert await analytics.totals() == before


async def test_another_event_of_a_version_that_was_heard_is_stale(analytics: Analytics) -> None:
    placed, confirmed = order(Told.CONFIRMED)
    await analytics.hear(placed, confirmed)
    before = await analytics.totals()
    for event in (placed, confirmed):
        with pytest.raises(Stale):
            await analytics.hear(CountEvent(uuid.uuid4(), event.order_id, event.heard))
    assert await analytics.totals() == before
    assert await analytics.count("inbox") == 2


async def test_an_event_behind_a_gap_leaves_no_trace_and_can_come_again(analytics: Analytics) -> None:
    placed, asked, cancelled = order(Told.CANCELLATION_REQUESTED, Told.CANCELLED)
    for known in ((), (placed,)):
        await analytics.hear(*known)
        before = await analytics.totals()
        with pytest.raises(VersionGap):
            await analytics.hear(cancelled)
        assert await analytics.totals() == before
    await analytics.hear(asked, cancelled)
    assert (await analytics.totals()).counts == Counts(events=3, orders=1, confirmed=0, cancelled=1)


async def test_orders_handled_side_by_side_by_two_instances_lose_no_count(analytics: Analytics) -> None:
    orders = [
        order(*tolds, lines=lines, at=NOON + timedelta(minutes=30 * n))
        for n in range(8)
        for tolds in ((Told.CONFIRMED,), (Told.CANCELLED,), (Told.CANCELLATION_REQUESTED, Told.CONFIRMED))
        for lines in ((MUG, TEA), (TEA, MUG))
    ]
    for events in orders:
        await analytics.hear(*events)
    one_by_one = await analytics.totals()
    assert one_by_one.counts == Counts(events=112, orders=48, confirmed=32, cancelled=16)
    for mixed in (orders, orders[::-1], orders[::2] + orders[1::2]):
        await analytics.clear()
        await asyncio.gather(*(analytics.hear(*events, instance=n % 2) for n, events in enumerate(mixed)))
        assert await analytics.totals() == one_by_one


async def test_the_same_event_heard_by_two_instances_at_once_counts_once(analytics: Analytics) -> None:
    (placed,) = order()
    done = await asyncio.gather(
        *(analytics.hear(placed, instance=n % 2) for n in range(6)), return_exceptions=True
    )
    assert [type(result) for result in done if result is not None] == [AlreadyApplied] * 5
    assert (await analytics.totals()).counts.orders == 1


async def test_pages_go_from_the_newest_hour_by_sku_and_miss_nothing(analytics: Analytics) -> None:
    for hours in (0, 1, 1, 2):
        await analytics.hear(*order(lines=(MUG, TEA), at=NOON + timedelta(hours=hours)))
    every = await analytics.page()
    assert every == [(sku, hour) for hour in (14, 13, 12) for sku in ("MUG-BLUE", "TEA-GREEN")]
    walked, after = [], None
    while page := (await analytics.page(after=after, size=1))[:1]:
        walked += page
        after = Position(NOON.replace(hour=page[0][1]), page[0][0])
    assert walked == every
    assert await analytics.page(size=5) == every, "one more than asked for says that a page follows"


async def test_a_page_holds_only_what_is_asked_for(analytics: Analytics) -> None:
    for hours in (0, 1, 2):
        await analytics.hear(*order(lines=(MUG, TEA), at=NOON + timedelta(hours=hours)))
    assert await analytics.page(sku="TEA-GREEN") == [("TEA-GREEN", 14), ("TEA-GREEN", 13), ("TEA-GREEN", 12)]
    assert await analytics.page(sku="MUG-BLUE", start=NOON + timedelta(hours=1)) == [
        ("MUG-BLUE", 14),
        ("MUG-BLUE", 13),
    ]
    assert await analytics.page(start=NOON + timedelta(hours=2, microseconds=1)) == []
    assert await analytics.page(sku="POT-BLACK") == []


async def test_what_is_cleared_can_be_heard_again_and_gives_the_same_digest(analytics: Analytics) -> None:
    events = [*order(Told.CONFIRMED), *order(Told.CANCELLED, lines=(TEA,))]
    await analytics.hear(*events)
    before = await analytics.totals()
    await put_dead_letters(analytics, "PARKED", "REDRIVEN", "DROPPED")
    for _ in range(2):
        await analytics.clear()
    assert [await analytics.count(table) for table in ("orders", "order_lines", "inbox")] == [0, 0, 0]
    assert await analytics.count("dead_letters where state = 'DROPPED'") == 1
    assert await analytics.count("dead_letters") == 1
    await analytics.hear(*events)
    assert await analytics.totals() == before


async def test_tables_that_are_not_to_be_cleared_after_all_are_as_they_were(analytics: Analytics) -> None:
    await analytics.hear(*order(Told.CONFIRMED))
    before = await analytics.totals()
    with pytest.raises(LookupError):
        async with store.cleared(analytics.databases[0]):
            raise LookupError
    assert await analytics.totals() == before


async def put_dead_letters(analytics: Analytics, *states: str) -> None:
    connection = await asyncpg.connect(analytics.url)
    for state in states:
        await connection.execute(
            """insert into dead_letters (dead_letter_id, consumer, topic, partition_number, record_offset,
                      header_names, header_values, reason, error, attempts, state)
               values ($1, $2, 't', 0, 0, '{}', '{}', 'VERSION_GAP', '', 1, $3)""",
            uuid.uuid4(),
            CONSUMER,
            state,
        )
    await connection.close()
