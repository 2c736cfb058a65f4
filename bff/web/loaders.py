"""What one request loads, gathered: however many fields ask, each service is asked once a level of the graph.

Loaders live as long as one request: nobody sees what another caller was shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from strawberry.dataloader import DataLoader

from bff.web.backends import Backends
from kit.channels import Refused
from ordermesh.orders.v1 import orders_pb2
from ordermesh.payments.v1 import payments_pb2
from ordermesh.products.v1 import products_pb2
from ordermesh.shipping.v1 import shipping_pb2
from ordermesh.users.v1 import users_pb2

AT_ONCE = 100  # what the services take in one call

T = TypeVar("T")


class Loaders:
    """One of each kind."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self.users: DataLoader[str, users_pb2.User | None] = _loader(self._users)
        self.products: DataLoader[str, products_pb2.Product | None] = _loader(self._products)
        self.histories: DataLoader[str, Sequence[orders_pb2.OrderStatus]] = _loader(self._histories)
        self.payments: DataLoader[str, payments_pb2.Payment | None] = _loader(self._payments)
        self.shipments: DataLoader[str, shipping_pb2.Shipment | None] = _loader(self._shipments)

    async def _users(self, user_ids: list[str]) -> list[users_pb2.User | None]:
        return _placed(user_ids, await self._backends.users(user_ids), lambda user: user.user_id)

    async def _payments(self, order_ids: list[str]) -> list[payments_pb2.Payment | None]:
        return _placed(order_ids, await self._backends.payments(order_ids), lambda payment: payment.order_id)

    async def _shipments(self, order_ids: list[str]) -> list[shipping_pb2.Shipment | None]:
        found = await self._backends.shipments(order_ids)
        return _placed(order_ids, found, lambda shipment: shipment.order_id)

    async def _histories(self, order_ids: list[str]) -> list[Sequence[orders_pb2.OrderStatus]]:
        told: dict[str, list[orders_pb2.OrderStatus]] = defaultdict(list)
        for status in await self._backends.histories(order_ids):
            told[status.order_id].append(status)
        return [told[order_id] for order_id in order_ids]

    async def _products(self, skus: list[str]) -> list[products_pb2.Product | None]:
        """The service gives all or none, and names what there is not: then the others are asked for."""
        try:
            found = await self._backends.products(skus)
        except Refused as refusal:
            missing = set(refusal.details.get("sku", "").split(","))
            there = [sku for sku in skus if sku not in missing]
            if refusal.reason != "PRODUCT_NOT_FOUND" or len(there) == len(skus):
                raise
            found = await self._backends.products(there) if there else ()
        return _placed(skus, found, lambda product: product.sku)


def _loader(load: Callable[[list[str]], Awaitable[list[T]]]) -> DataLoader[str, T]:
    return DataLoader(load, max_batch_size=AT_ONCE)


def _placed(keys: Sequence[str], found: Iterable[T], key_of: Callable[[T], str]) -> list[T | None]:
    by_key = {key_of(one): one for one in found}
    return [by_key.get(key) for key in keys]
