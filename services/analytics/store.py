"""The analytics service's tables: one row an order and one a line; the sums are made when they are read.

So an event locks the row of its own order and nothing else: orders that are handled side by side cannot wait
for each other, deadlock, or lose a count. The view `product_hours` adds the lines up.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from kit import inbox
from kit.database import Connection, Database
from services.analytics.domain import Amount, Change, Counts, ProductHour, Sale, State, hour_of
from services.analytics.usecases import ListSales

CONSUMER = "analytics"


class AnalyticsTransaction:
    """One transaction on the analytics database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def sale(self, order_id: UUID) -> Sale:
        """What is known of an order, locked; two first events of an order meet at the row that is made."""
        row = await self._connection.fetchrow(
            """insert into orders (order_id) values ($1)
               on conflict (order_id) do update set order_id = excluded.order_id returning *""",
            order_id,
        )
        assert row is not None  # noqa: S101 - inserted above
        return Sale(**(dict(row) | {"state": State(row["state"])}))

    async def record(self, change: Change) -> None:
        """Write the order, and its lines if they are new."""
        sale, lines = change.sale, change.lines
        await self._connection.execute(
            """with added as (
                 insert into order_lines (order_id, sku, hour, quantity, amount_minor)
                 select $1, sku, $7, quantity, amount
                   from unnest($8::text[], $9::int[], $10::bigint[]) as line (sku, quantity, amount))
               update orders set version = $2, state = $3, currency_code = $4, place_time = $5,
                      confirm_time = $6 where order_id = $1""",
            sale.order_id,
            sale.version,
            sale.state,
            sale.currency_code,
            sale.place_time,
            sale.confirm_time,
            hour_of(sale.place_time) if sale.place_time else None,
            [line.sku for line in lines],
            [line.quantity for line in lines],
            [line.amount for line in lines],
        )

    async def page(self, query: ListSales, limit: int) -> Sequence[ProductHour]:
        """Entries of a page, newest hour first, then by sku."""
        after = query.after
        rows = await self._connection.fetch(
            """select * from product_hours
                where ($1 = '' or sku = $1) and ($2::timestamptz is null or hour >= $2)
                  and ($3::timestamptz is null or hour <= $3 and (hour < $3 or sku > $4))
                order by hour desc, sku limit $5""",
            query.sku,
            query.start_time,
            after.hour if after else None,
            after.sku if after else "",
            limit,
        )
        return [_product_hour(row) for row in rows]

    async def everything(self) -> tuple[Counts, Sequence[ProductHour]]:
        """The whole read model; the first statement of its transaction, so that both reads see the same."""
        await self._connection.execute("set transaction isolation level repeatable read, read only")
        row = await self._connection.fetchrow(
            """select coalesce(sum(version), 0)::bigint as events, count(*) as orders,
                      count(*) filter (where state = 'CONFIRMED') as confirmed,
                      count(*) filter (where state = 'CANCELLED') as cancelled from orders"""
        )
        assert row is not None  # noqa: S101 - sums of no rows are a row
        hours = await self._connection.fetch("select * from product_hours")
        return Counts(**row), [_product_hour(hour) for hour in hours]


class AnalyticsUnitOfWork:
    """Opens transactions on the analytics database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def begin(self, event_id: UUID | None = None) -> AsyncIterator[AnalyticsTransaction]:
        """One transaction, committed when the block ends well; the effect of an event, if it is one."""
        async with inbox.transaction(self._database, CONSUMER, event_id) as connection:
            yield AnalyticsTransaction(connection)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AnalyticsTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield AnalyticsTransaction(connection)


@asynccontextmanager
async def cleared(database: Database) -> AsyncIterator[None]:
    """A transaction in which all that was heard is forgotten; whoever hears something waits for its end.
    Records that were set aside are judged anew; one that an operator has dropped is not set aside again.
    """
    async with database.transaction() as connection:
        await connection.execute("truncate orders, order_lines, inbox")
        await connection.execute("delete from dead_letters where state <> 'DROPPED'")
        yield


def _product_hour(row: asyncpg.Record) -> ProductHour:
    revenue = zip(row["amounts"], row["currency_codes"], strict=True)
    return ProductHour(
        sku=row["sku"],
        hour=row["hour"],
        orders=row["orders"],
        confirmed=row["confirmed"],
        cancelled=row["cancelled"],
        quantity=row["quantity"],
        revenue=tuple(Amount(minor, code) for minor, code in revenue),
        waited=row["waited"],
    )
