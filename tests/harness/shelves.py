"""Products that only one test orders, with exactly the stock that it wants."""

import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from ops.client import Metadata
from ops.suite import Suite
from ordermesh.inventory.v1 import inventory_service_pb2, inventory_service_pb2_grpc
from tests.harness.records import records

SECONDS = 10.0
PRICE_MINOR = 250


@contextmanager
def shelves(suite: Suite, operator: grpc.Channel, olga: Metadata, stock: Mapping[str, int]) -> Iterator[None]:
    """The catalogue has these skus for the length of a block; the stock of each stays on record after it."""
    skus = list(stock)
    insert = """insert into products (sku, title, description, category, price_minor, currency_code)
                select sku, 'A thing', 'Of a test.', 'tests', $2, 'EUR' from unnest($1::text[]) sku"""
    records(suite, "products", insert, skus, PRICE_MINOR)
    inventory = inventory_service_pb2_grpc.InventoryServiceStub(operator)

    def fill(sku: str) -> None:
        request = inventory_service_pb2.RestockRequest(
            request_id=str(uuid.uuid4()), sku=sku, quantity=stock[sku]
        )
        inventory.Restock(request, metadata=olga, timeout=SECONDS)

    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(fill, [sku for sku in skus if stock[sku] > 0]))
        yield
    finally:
        records(suite, "products", "delete from products where sku = any($1)", skus)
