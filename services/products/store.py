"""The products service's tables: the catalogue."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from kit import requests
from kit.database import Connection, Database
from kit.requests import RequestKey
from services.products.domain import Price, Product, ProductNotFound

_COLUMNS = "sku, title, description, category, price_minor, currency_code, update_time"


class ProductsTransaction:
    """One transaction on the products database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def products(self, skus: Sequence[str]) -> Mapping[str, Product]:
        """Those of these products that there are."""
        rows = await self._connection.fetch(
            f"select {_COLUMNS} from products where sku = any($1)",  # noqa: S608 - our own constant
            list(skus),
        )
        return {row["sku"]: _product(row) for row in rows}

    async def search(self, words: Sequence[str], after: str, limit: int) -> Sequence[Product]:
        """Products that have all the words, by sku, the first of them after `after`. The line breaks keep
        a word from being found across two columns.
        """
        rows = await self._connection.fetch(
            f"""select {_COLUMNS} from products
                 where sku > $2 and concat_ws(E'\\n', title, description, category) ilike all ($1::text[])
                 order by sku limit $3""",  # noqa: S608 - our own constant
            [f"%{_literal(word)}%" for word in words],
            after,
            limit,
        )
        return [_product(row) for row in rows]

    async def claim(self, key: RequestKey, sku: str) -> bool:
        """Whether this request is new; it is not any more after this transaction."""
        return await requests.claim(self._connection, key, sku) is None

    async def locked(self, sku: str) -> tuple[Product, datetime]:
        """One product, locked, and the database's time; raises ProductNotFound."""
        row = await self._connection.fetchrow(
            f"select {_COLUMNS}, clock_timestamp() as now from products where sku = $1 for update",  # noqa: S608
            sku,
        )
        if row is None:
            raise ProductNotFound([sku])
        return _product(row), row["now"]

    async def record(self, product: Product) -> None:
        """Write the product's price."""
        await self._connection.execute(
            "update products set price_minor = $2, update_time = $3 where sku = $1",
            product.sku,
            product.price.minor,
            product.update_time,
        )


class ProductsUnitOfWork:
    """Opens transactions on the products database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[ProductsTransaction]:
        """One transaction, committed when the block ends well."""
        async with self._database.transaction() as connection:
            yield ProductsTransaction(connection)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[ProductsTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield ProductsTransaction(connection)


def _product(row: Any) -> Product:
    return Product(
        sku=row["sku"],
        title=row["title"],
        description=row["description"],
        category=row["category"],
        price=Price(row["price_minor"], row["currency_code"]),
        update_time=row["update_time"],
    )


def _literal(word: str) -> str:
    """The word as LIKE takes it literally: `%` and `_` are ordinary characters of a search."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
