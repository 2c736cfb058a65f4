"""The services behind: the only file with stubs. Every method is one call, in the name of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kit.channels import Peer
from ordermesh.notifications.v1 import webhooks_pb2, webhooks_service_pb2, webhooks_service_pb2_grpc
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc
from ordermesh.products.v1 import products_pb2, products_service_pb2, products_service_pb2_grpc
from ordermesh.users.v1 import users_service_pb2, users_service_pb2_grpc


@dataclass(frozen=True)
class Peers:
    """Who is called; each but users acts for the account of the client's token."""

    users: Peer
    products: Peer
    orders: Peer
    notifications: Peer


class Backends:
    """What every version of the contract is made of."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._clients = users_service_pb2_grpc.ClientsServiceStub(peers.users.channel)
        self._products = products_service_pb2_grpc.ProductsServiceStub(peers.products.channel)
        self._orders = orders_service_pb2_grpc.OrdersServiceStub(peers.orders.channel)
        self._webhooks = webhooks_service_pb2_grpc.WebhooksServiceStub(peers.notifications.channel)

    async def token(
        self, client_id: str, secret: str, scopes: Sequence[str]
    ) -> users_service_pb2.IssueClientTokenResponse:
        """A token for the client whose secret this is."""
        request = users_service_pb2.IssueClientTokenRequest(client_id=client_id, secret=secret, scopes=scopes)
        return await self._peers.users.call(self._clients.IssueClientToken, request)

    async def product(self, sku: str) -> products_pb2.Product:
        """One product."""
        request = products_service_pb2.GetProductRequest(sku=sku)
        return (await self._peers.products.call(self._products.GetProduct, request)).product

    async def list_products(
        self, size: int, token: str, query: str
    ) -> products_service_pb2.ListProductsResponse:
        """A page of the catalogue."""
        request = products_service_pb2.ListProductsRequest(page_size=size, page_token=token, query=query)
        return await self._peers.products.call(self._products.ListProducts, request)

    async def place_order(self, request: orders_service_pb2.PlaceOrderRequest) -> orders_pb2.Order:
        """Place an order."""
        return (await self._peers.orders.call(self._orders.PlaceOrder, request)).order

    async def order(self, order_id: str) -> orders_pb2.Order:
        """One order."""
        request = orders_service_pb2.GetOrderRequest(order_id=order_id)
        return (await self._peers.orders.call(self._orders.GetOrder, request)).order

    async def list_orders(self, size: int, token: str) -> orders_service_pb2.ListOrdersResponse:
        """A page of orders, newest first."""
        request = orders_service_pb2.ListOrdersRequest(page_size=size, page_token=token)
        return await self._peers.orders.call(self._orders.ListOrders, request)

    async def cancel_order(self, request_id: str, order_id: str) -> orders_pb2.Order:
        """Ask to cancel an order."""
        request = orders_service_pb2.CancelOrderRequest(request_id=request_id, order_id=order_id)
        return (await self._peers.orders.call(self._orders.CancelOrder, request)).order

    async def history(self, order_id: str) -> Sequence[orders_pb2.OrderStatus]:
        """The history of an order; nothing if it is unknown or another account's."""
        request = orders_service_pb2.BatchGetHistoriesRequest(order_ids=[order_id])
        return (await self._peers.orders.call(self._orders.BatchGetHistories, request)).statuses

    async def create_endpoint(
        self, request: webhooks_service_pb2.CreateWebhookEndpointRequest
    ) -> webhooks_service_pb2.CreateWebhookEndpointResponse:
        """Register an endpoint."""
        return await self._peers.notifications.call(self._webhooks.CreateWebhookEndpoint, request)

    async def endpoint(self, endpoint_id: str) -> webhooks_pb2.WebhookEndpoint:
        """One endpoint."""
        request = webhooks_service_pb2.GetWebhookEndpointRequest(endpoint_id=endpoint_id)
        return (await self._peers.notifications.call(self._webhooks.GetWebhookEndpoint, request)).endpoint

    async def list_endpoints(
        self, size: int, token: str
    ) -> webhooks_service_pb2.ListWebhookEndpointsResponse:
        """A page of endpoints, oldest first."""
        request = webhooks_service_pb2.ListWebhookEndpointsRequest(page_size=size, page_token=token)
        return await self._peers.notifications.call(self._webhooks.ListWebhookEndpoints, request)

    async def delete_endpoint(self, request_id: str, endpoint_id: str) -> None:
        """Remove an endpoint."""
        request = webhooks_service_pb2.DeleteWebhookEndpointRequest(
            request_id=request_id, endpoint_id=endpoint_id
        )
        await self._peers.notifications.call(self._webhooks.DeleteWebhookEndpoint, request)

    async def verify_endpoint(self, request_id: str, endpoint_id: str) -> webhooks_pb2.WebhookEndpoint:
        """Send a test message to an endpoint, which makes it active."""
        request = webhooks_service_pb2.VerifyWebhookEndpointRequest(
            request_id=request_id, endpoint_id=endpoint_id
        )
        return (await self._peers.notifications.call(self._webhooks.VerifyWebhookEndpoint, request)).endpoint

    async def rotate_secret(
        self, request_id: str, endpoint_id: str
    ) -> webhooks_service_pb2.RotateWebhookSecretResponse:
        """Make a new secret."""
        request = webhooks_service_pb2.RotateWebhookSecretRequest(
            request_id=request_id, endpoint_id=endpoint_id
        )
        return await self._peers.notifications.call(self._webhooks.RotateWebhookSecret, request)

    async def list_deliveries(
        self, endpoint_id: str, size: int, token: str
    ) -> webhooks_service_pb2.ListWebhookDeliveriesResponse:
        """A page of what was sent to an endpoint, newest first."""
        request = webhooks_service_pb2.ListWebhookDeliveriesRequest(
            endpoint_id=endpoint_id, page_size=size, page_token=token
        )
        return await self._peers.notifications.call(self._webhooks.ListWebhookDeliveries, request)

    async def redeliver(
        self, request_id: str, endpoint_id: str, delivery_id: str
    ) -> webhooks_pb2.WebhookDelivery:
        """Send a message again."""
        request = webhooks_service_pb2.RedeliverWebhookRequest(
            request_id=request_id, endpoint_id=endpoint_id, delivery_id=delivery_id
        )
        return (await self._peers.notifications.call(self._webhooks.RedeliverWebhook, request)).delivery
