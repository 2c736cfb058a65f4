"""The services behind: the only file with stubs. Every method is one call, in the name of the caller."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from kit.channels import Peer
from kit.resuming import followed
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2, payments_service_pb2_grpc
from ordermesh.products.v1 import products_pb2, products_service_pb2, products_service_pb2_grpc
from ordermesh.shipping.v1 import shipping_pb2, shipping_service_pb2, shipping_service_pb2_grpc
from ordermesh.users.v1 import users_pb2, users_service_pb2, users_service_pb2_grpc


@dataclass(frozen=True)
class Peers:
    """Who is called; each acts for the user whose token came."""

    users: Peer
    products: Peer
    orders: Peer
    payments: Peer
    shipping: Peer


class Backends:
    """What the graph is made of."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._users = users_service_pb2_grpc.UsersServiceStub(peers.users.channel)
        self._products = products_service_pb2_grpc.ProductsServiceStub(peers.products.channel)
        self._orders = orders_service_pb2_grpc.OrdersServiceStub(peers.orders.channel)
        self._payments = payments_service_pb2_grpc.PaymentsServiceStub(peers.payments.channel)
        self._tracking = shipping_service_pb2_grpc.TrackingServiceStub(peers.shipping.channel)

    async def users(self, user_ids: Sequence[str]) -> Sequence[users_pb2.User]:
        """Those of these accounts that the caller may see."""
        request = users_service_pb2.BatchGetUsersRequest(user_ids=user_ids)
        return (await self._peers.users.call(self._users.BatchGetUsers, request)).users

    async def create_user(self, request: users_service_pb2.CreateUserRequest) -> users_pb2.User:
        """Open a customer's account."""
        return (await self._peers.users.call(self._users.CreateUser, request)).user

    async def sign_in(self, username: str, password: str) -> users_service_pb2.SignInResponse:
        """A token for who knows the password."""
        client = users_service_pb2.CLIENT_WEB
        request = users_service_pb2.SignInRequest(username=username, password=password, client=client)
        return await self._peers.users.call(self._users.SignIn, request)

    async def products(self, skus: Sequence[str]) -> Sequence[products_pb2.Product]:
        """These products, all or none."""
        request = products_service_pb2.BatchGetProductsRequest(skus=skus)
        return (await self._peers.products.call(self._products.BatchGetProducts, request)).products

    async def list_products(
        self, size: int, token: str, query: str
    ) -> products_service_pb2.ListProductsResponse:
        """A page of the catalogue."""
        request = products_service_pb2.ListProductsRequest(page_size=size, page_token=token, query=query)
        return await self._peers.products.call(self._products.ListProducts, request)

    async def order(self, order_id: str) -> orders_pb2.Order:
        """One of the caller's orders."""
        request = orders_service_pb2.GetOrderRequest(order_id=order_id)
        return (await self._peers.orders.call(self._orders.GetOrder, request)).order

    async def list_orders(self, size: int, token: str) -> orders_service_pb2.ListOrdersResponse:
        """A page of the caller's orders, newest first."""
        request = orders_service_pb2.ListOrdersRequest(page_size=size, page_token=token)
        return await self._peers.orders.call(self._orders.ListOrders, request)

    async def histories(self, order_ids: Sequence[str]) -> Sequence[orders_pb2.OrderStatus]:
        """The histories of those of these orders that are the caller's."""
        request = orders_service_pb2.BatchGetHistoriesRequest(order_ids=order_ids)
        return (await self._peers.orders.call(self._orders.BatchGetHistories, request)).statuses

    async def place_order(self, request: orders_service_pb2.PlaceOrderRequest) -> orders_pb2.Order:
        """Place an order for the caller."""
        return (await self._peers.orders.call(self._orders.PlaceOrder, request)).order

    async def cancel_order(self, request_id: str, order_id: str) -> orders_pb2.Order:
        """Ask to cancel one of the caller's orders."""
        request = orders_service_pb2.CancelOrderRequest(request_id=request_id, order_id=order_id)
        return (await self._peers.orders.call(self._orders.CancelOrder, request)).order

    async def payments(self, order_ids: Sequence[str]) -> Sequence[payments_pb2.Payment]:
        """The payments of those of these orders that are the caller's."""
        request = payments_service_pb2.BatchGetPaymentsRequest(order_ids=order_ids)
        return (await self._peers.payments.call(self._payments.BatchGetPayments, request)).payments

    async def shipments(self, order_ids: Sequence[str]) -> Sequence[shipping_pb2.Shipment]:
        """The shipments of those of these orders that are the caller's."""
        request = shipping_service_pb2.BatchGetShipmentsRequest(order_ids=order_ids)
        return (await self._peers.shipping.call(self._tracking.BatchGetShipments, request)).shipments

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
