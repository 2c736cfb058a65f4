"""The services that an overview is made of: the only file that knows their stubs.

They are called for the user: each decides itself what its part may be shown to whom.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kit.channels import Peer, Refused
from ordermesh.orders.v1 import orders_service_pb2 as orders
from ordermesh.orders.v1 import orders_service_pb2_grpc
from ordermesh.orders.v1.orders_pb2 import Order
from ordermesh.payments.v1 import payments_service_pb2 as payments
from ordermesh.payments.v1 import payments_service_pb2_grpc
from ordermesh.payments.v1.payments_pb2 import Payment
from ordermesh.products.v1 import products_service_pb2 as products
from ordermesh.products.v1 import products_service_pb2_grpc
from ordermesh.products.v1.products_pb2 import Product
from ordermesh.shipping.v1 import shipping_service_pb2 as shipping
from ordermesh.shipping.v1 import shipping_service_pb2_grpc
from ordermesh.shipping.v1.shipping_pb2 import Shipment
from ordermesh.users.v1 import users_service_pb2 as users
from ordermesh.users.v1 import users_service_pb2_grpc
from ordermesh.users.v1.users_pb2 import User

A = TypeVar("A")


@dataclass(frozen=True)
class Peers:
    """Who is called."""

    orders: Peer
    users: Peer
    products: Peer
    payments: Peer
    shipping: Peer


class GrpcBackends:
    """Each part of an overview by one call. All raise Refused or Unanswered."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._orders = orders_service_pb2_grpc.OrdersServiceStub(peers.orders.channel)
        self._users = users_service_pb2_grpc.UsersServiceStub(peers.users.channel)
        self._products = products_service_pb2_grpc.ProductsServiceStub(peers.products.channel)
        self._payments = payments_service_pb2_grpc.PaymentsServiceStub(peers.payments.channel)
        self._shipping = shipping_service_pb2_grpc.TrackingServiceStub(peers.shipping.channel)

    async def order(self, order_id: str) -> Order:
        """The order, if the caller may read it."""
        request = orders.GetOrderRequest(order_id=order_id)
        return (await self._peers.orders.call(self._orders.GetOrder, request)).order

    async def user(self, user_id: str) -> User:
        """The account of the customer."""
        request = users.GetUserRequest(user_id=user_id)
        return (await self._peers.users.call(self._users.GetUser, request)).user

    async def products(self, skus: Sequence[str]) -> Mapping[str, Product]:
        """The products by sku: an order has at most as many lines as one call may ask for."""
        request = products.BatchGetProductsRequest(skus=skus)
        answer = await self._peers.products.call(self._products.BatchGetProducts, request)
        return {product.sku: product for product in answer.products}

    async def payment(self, order_id: str) -> Payment | None:
        """The payment; None before there is one."""
        request = payments.GetPaymentRequest(order_id=order_id)
        answer = await _if_any(self._peers.payments.call(self._payments.GetPayment, request))
        return answer.payment if answer else None

    async def shipment(self, order_id: str) -> Shipment | None:
        """The shipment; None if there is none."""
        request = shipping.GetShipmentRequest(order_id=order_id)
        answer = await _if_any(self._peers.shipping.call(self._shipping.GetShipment, request))
        return answer.shipment if answer else None


async def _if_any(answer: Awaitable[A]) -> A | None:
    """Services say of what is not there that access is denied; the order may be read, so it is only that."""
    try:
        return await answer
    except Refused as refusal:
        if refusal.reason == "ACCESS_DENIED":
            return None
        raise
