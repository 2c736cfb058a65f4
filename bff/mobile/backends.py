"""The services behind: the only file with stubs. Every method is one call, in the name of the caller."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from kit.channels import Peer
from kit.resuming import followed
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc
from ordermesh.products.v1 import products_pb2, products_service_pb2, products_service_pb2_grpc
from ordermesh.users.v1 import users_pb2, users_service_pb2, users_service_pb2_grpc


@dataclass(frozen=True)
class Peers:
    """Who is called; each acts for the user whose token came."""

    users: Peer
    products: Peer
    orders: Peer


class Backends:
    """What the screens are made of."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._users = users_service_pb2_grpc.UsersServiceStub(peers.users.channel)
        self._products = products_service_pb2_grpc.ProductsServiceStub(peers.products.channel)
        self._orders = orders_service_pb2_grpc.OrdersServiceStub(peers.orders.channel)

    async def user(self, user_id: str) -> users_pb2.User:
        """The caller's account."""
        request = users_service_pb2.GetUserRequest(user_id=user_id)
        return (await self._peers.users.call(self._users.GetUser, request)).user

    async def sign_in(self, username: str, password: str) -> users_service_pb2.SignInResponse:
        """A token for who knows the password."""
        client = users_service_pb2.CLIENT_MOBILE
        request = users_service_pb2.SignInRequest(username=username, password=password, client=client)
        return await self._peers.users.call(self._users.SignIn, request)

    async def products(self, size: int) -> Sequence[products_pb2.Product]:
        """The head of the catalogue."""
        request = products_service_pb2.ListProductsRequest(page_size=size)
        return (await self._peers.products.call(self._products.ListProducts, request)).products

    async def order(self, order_id: str) -> orders_pb2.Order:
        """One of the caller's orders."""
        request = orders_service_pb2.GetOrderRequest(order_id=order_id)
        return (await self._peers.orders.call(self._orders.GetOrder, request)).order

    async def orders(self, size: int) -> Sequence[orders_pb2.Order]:
        """The caller's last orders, newest first."""
        request = orders_service_pb2.ListOrdersRequest(page_size=size)
        return (await self._peers.orders.call(self._orders.ListOrders, request)).orders

    async def place_order(self, request: orders_service_pb2.PlaceOrderRequest) -> orders_pb2.Order:
        """Place an order for the caller."""
        return (await self._peers.orders.call(self._orders.PlaceOrder, request)).order

    async def watch(self, order_id: str, after: int) -> AsyncGenerator[orders_pb2.OrderStatus, None]:
        """The history of one of the caller's orders behind a version, as it is written, to its end; whichever
        instance of orders tells it.
        """

        def asking(version: int) -> orders_service_pb2.WatchOrderRequest:
            return orders_service_pb2.WatchOrderRequest(order_id=order_id, after_version=version)

        told = followed(
            self._peers.orders, self._orders.WatchOrder, asking, lambda answer: answer.status.version, after
        )
        async with aclosing(told) as answers:
            async for answer in answers:
                yield answer.status
