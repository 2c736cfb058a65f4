"""The store and the use cases on a real PostgreSQL: search, pages, prices and repeated requests."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from kit.errors import Problem
from kit.requests import RequestKey
from kit.testing.postgres import scratch_database
from services.products import usecases
from services.products.domain import CurrencyMismatch, Price, ProductNotFound, words
from services.products.store import ProductsUnitOfWork
from services.products.usecases import ListProducts, UpdatePrice
from services.products.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
SEEDS = MIGRATIONS.parent / "seeds" / "20261123000001_catalogue.sql"


@pytest.fixture
async def uow() -> AsyncIterator[ProductsUnitOfWork]:
    async with scratch_database(MIGRATIONS) as database:
        async with database.transaction() as connection:
            await connection.execute(SEEDS.read_text())
            await connection.execute(
                """insert into products values
                   ('ODD-1', 'Half_price', 'Keeps 100% of its "shape".', 'odd\\ends', 100, 'EUR'),
                   ('ODD-2', 'Halfxprice', 'Keeps 1000 of its shapes.', 'odd-ends', 100, 'USD')"""
            )
        yield ProductsUnitOfWork(database)


def request() -> RequestKey:
    return RequestKey("olga", "UpdatePrice", uuid.uuid4(), b"body")


async def skus_found(uow: ProductsUnitOfWork, query: str) -> list[str]:
    page = await usecases.list_products(ListProducts(words(query), "", 100), uow)
    return [product.sku for product in page.products]


async def test_the_catalogue_has_sixty_products_and_the_two_of_the_tour(uow: ProductsUnitOfWork) -> None:
    everything = await skus_found(uow, "")
    assert len([sku for sku in everything if not sku.startswith("ODD-")]) == 60
    mug, tea = await usecases.batch_get_products(["MUG-BLUE", "TEA-GREEN"], uow)
    assert (mug.price, tea.price) == (Price(1250, "EUR"), Price(490, "EUR"))


async def test_a_batch_is_all_or_none(uow: ProductsUnitOfWork) -> None:
    with pytest.raises(ProductNotFound) as caught:
        await usecases.batch_get_products(["NO-2", "MUG-BLUE", "NO-1"], uow)
    assert caught.value.details == {"sku": "NO-2,NO-1"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("MUG harbour", ["MUG-BLUE"]),
        ("lighthouse", ["LAMP-RARE"]),
        ("BERGAMOT", ["TEA-EARL"]),
        ("espresso tea-and-coffee", ["COFFEE-HOUSE"]),
        ("mug zebra", []),
        ("Half_", ["ODD-1"]),
        ("100%", ["ODD-1"]),
        ("odd\\", ["ODD-1"]),
        ("'; drop table products; --", []),
    ],
)
async def test_a_search_finds_what_has_all_its_words_and_takes_them_literally(
    uow: ProductsUnitOfWork, query: str, found: list[str]
) -> None:
    assert await skus_found(uow, query) == found


async def test_the_pages_together_are_the_whole_list_once(uow: ProductsUnitOfWork) -> None:
    after, seen, sizes = "", list[str](), list[int]()
    while True:
        page = await usecases.list_products(ListProducts((), after, 25), uow)
        seen += [product.sku for product in page.products]
        sizes.append(len(page.products))
        if not page.more:
            break
        after = seen[-1]
    assert sizes == [25, 25, 12]
    assert seen == sorted(set(seen)) == await skus_found(uow, "")


async def test_a_new_price_is_read_from_then_on(uow: ProductsUnitOfWork) -> None:
    before = await usecases.get_product("MUG-BLUE", uow)
    told = await usecases.update_price(UpdatePrice(request(), "MUG-BLUE", Price(1300, "EUR")), uow)
    assert told == await usecases.get_product("MUG-BLUE", uow)
    assert told.update_time > before.update_time
    assert told == replace(before, price=Price(1300, "EUR"), update_time=told.update_time)


async def test_a_late_repeat_does_not_undo_a_newer_price(uow: ProductsUnitOfWork) -> None:
    first = UpdatePrice(request(), "MUG-BLUE", Price(1300, "EUR"))
    await usecases.update_price(first, uow)
    await usecases.update_price(UpdatePrice(request(), "MUG-BLUE", Price(1400, "EUR")), uow)
    assert (await usecases.update_price(first, uow)).price == Price(1400, "EUR")


async def test_the_same_request_in_parallel_sets_the_price_once(uow: ProductsUnitOfWork) -> None:
    command = UpdatePrice(request(), "MUG-BLUE", Price(1300, "EUR"))
    told = await asyncio.gather(*(usecases.update_price(command, uow) for _ in range(8)))
    assert len({product.update_time for product in told}) == 1


async def test_a_request_id_with_another_content_is_refused(uow: ProductsUnitOfWork) -> None:
    key = request()
    await usecases.update_price(UpdatePrice(key, "MUG-BLUE", Price(1300, "EUR")), uow)
    other = UpdatePrice(replace(key, fingerprint=b"other"), "MUG-BLUE", Price(1, "EUR"))
    with pytest.raises(Problem) as caught:
        await usecases.update_price(other, uow)
    assert caught.value.reason == "REQUEST_ID_MISMATCH"
    assert (await usecases.get_product("MUG-BLUE", uow)).price == Price(1300, "EUR")


async def test_a_refused_price_leaves_its_request_id_unused(uow: ProductsUnitOfWork) -> None:
    key = request()
    with pytest.raises(CurrencyMismatch):
        await usecases.update_price(UpdatePrice(key, "MUG-BLUE", Price(1, "USD")), uow)
    with pytest.raises(ProductNotFound):
        await usecases.update_price(UpdatePrice(key, "NO-SUCH", Price(1, "EUR")), uow)
    told = await usecases.update_price(UpdatePrice(key, "MUG-BLUE", Price(1300, "EUR")), uow)
    assert told.price == Price(1300, "EUR")


async def test_a_price_is_decided_on_the_product_as_it_is_when_its_turn_comes(
    uow: ProductsUnitOfWork,
) -> None:
    """Back to the old price while the new one is being written: not "the same price, nothing changes"."""
    old = (await usecases.get_product("MUG-BLUE", uow)).price
    async with uow.begin() as tx:
        product, now = await tx.locked("MUG-BLUE")
        waiting = asyncio.create_task(usecases.update_price(UpdatePrice(request(), "MUG-BLUE", old), uow))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await tx.record(replace(product, price=Price(1300, "EUR"), update_time=now))
    told = await waiting
    assert told.price == old
    assert told.update_time > now
