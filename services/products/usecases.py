"""What the products service does when it is asked: load, decide, record, in one transaction."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kit.requests import RequestKey
from services.products import domain
from services.products.domain import Page, Price, Product


@dataclass(frozen=True)
class ListProducts:
    """A page of the products that have all these words, after this sku."""

    words: tuple[str, ...]
    after: str
    size: int


@dataclass(frozen=True)
class UpdatePrice:
    """Set the price of one product."""

    key: RequestKey
    sku: str
    price: Price


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def products(self, skus: Sequence[str]) -> Mapping[str, Product]:
        """Those of these products that there are."""

    async def search(self, words: Sequence[str], after: str, limit: int) -> Sequence[Product]:
        """Products that have all the words, by sku, the first of them after `after`."""

    async def claim(self, key: RequestKey, sku: str) -> bool:
        """Whether this request is new; it is not any more after this transaction."""

    async def locked(self, sku: str) -> tuple[Product, datetime]:
        """One product, locked, and the database's time; raises ProductNotFound."""

    async def record(self, product: Product) -> None:
        """Write the product's price."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well."""

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""


async def get_product(sku: str, uow: UnitOfWork) -> Product:
    """Read one product."""
    return (await batch_get_products([sku], uow))[0]


async def batch_get_products(skus: Sequence[str], uow: UnitOfWork) -> tuple[Product, ...]:
    """Read products, all or none, in the order asked for."""
    async with uow.statement() as tx:
        found = await tx.products(skus)
    return domain.in_order_asked(skus, found)


async def list_products(query: ListProducts, uow: UnitOfWork) -> Page:
    """Read a page of the catalogue."""
    async with uow.statement() as tx:
        found = await tx.search(query.words, query.after, query.size + 1)
    return domain.page(found, query.size)


async def update_price(command: UpdatePrice, uow: UnitOfWork) -> Product:
    """Set the price of one product, once a request; a repeat reads what the product is now."""
    async with uow.begin() as tx:
        new = await tx.claim(command.key, command.sku)
        product, now = await tx.locked(command.sku)
        if new:
            product = domain.reprice(product, command.price, now)
            await tx.record(product)
    return product
