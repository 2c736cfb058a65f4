"""The RPCs of a `shop`, as the services answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from kit import call, pages
from kit.errors import Problem, Violation, access_denied
from kit.testing.backing import Servicer
from ordermesh.notifications.v1 import webhooks_pb2
from ordermesh.notifications.v1 import webhooks_service_pb2 as webhooks
from ordermesh.orders.v1 import orders_pb2
from ordermesh.orders.v1 import orders_service_pb2 as orders
from ordermesh.products.v1 import products_service_pb2 as products
from ordermesh.users.v1 import users_service_pb2 as users

if TYPE_CHECKING:
    from bff.partner.tests.shop import Shop

REGISTERED = {"orders:read", "orders:write", "products:read", "webhooks:manage"}


def of(service: str, shop: Shop) -> dict[str, object]:
    """The proto services that a workload serves."""
    found: dict[str, dict[str, object]] = {
        "users": {"ordermesh.users.v1.ClientsService": Clients(shop)},
        "products": {"ordermesh.products.v1.ProductsService": Products(shop)},
        "orders": {"ordermesh.orders.v1.OrdersService": Orders(shop)},
        "notifications": {"ordermesh.notifications.v1.WebhooksService": Webhooks(shop)},
    }
    return found[service]


def page(found: list[Any], request: Any, scope: str) -> tuple[list[Any], str]:
    """A page of a list, and the token of the next one."""
    begin = int((pages.decode(request.page_token, scope) or ["0"])[0])
    end = begin + pages.size(request.page_size)
    return found[begin:end], pages.encode([str(end)], scope) if end < len(found) else ""


class Clients(Servicer["Shop"]):
    async def IssueClientToken(self, request: users.IssueClientTokenRequest, context: Any) -> Any:
        from bff.partner.tests.shop import CLIENT, SECRET, token

        self._shop.note("IssueClientToken")
        if (request.client_id, request.secret) != (CLIENT, SECRET):
            raise Problem("unauthenticated", "CLIENT_INVALID", "the client's id or its secret is wrong")
        if set(request.scopes) - REGISTERED:
            said = "the client may not ask for it"
            raise Problem("invalid", "SCOPE_NOT_GRANTED", said, violations=[Violation("scopes", said)])
        scopes = list(request.scopes) or sorted(REGISTERED)
        text = token(scopes=" ".join(scopes))
        return users.IssueClientTokenResponse(token=text, lifetime=Duration(seconds=3600), scopes=scopes)


class Products(Servicer["Shop"]):
    async def GetProduct(self, request: products.GetProductRequest, context: Any) -> Any:
        self._shop.note("GetProduct")
        if request.sku not in self._shop.products:
            raise Problem("missing", "PRODUCT_NOT_FOUND", "there is none", {"sku": request.sku})
        return products.GetProductResponse(product=self._shop.products[request.sku])

    async def ListProducts(self, request: products.ListProductsRequest, context: Any) -> Any:
        self._shop.note("ListProducts")
        found, token = page(list(self._shop.products.values()), request, f"products {request.query}")
        return products.ListProductsResponse(products=found, next_page_token=token)


class Orders(Servicer["Shop"]):
    async def PlaceOrder(self, request: orders.PlaceOrderRequest, context: Any) -> Any:
        self._shop.note("PlaceOrder")
        if earlier := self._shop.repeated(request):
            return earlier
        await self._shop.held.wait()
        missing = [line.sku for line in request.lines if line.sku not in self._shop.products]
        if missing:
            raise Problem("missing", "PRODUCT_NOT_FOUND", "there is none", {"sku": ",".join(missing)})
        order_id = self._shop.ordered(
            call.caller().user_id, {line.sku: line.quantity for line in request.lines}
        )
        answer = orders.PlaceOrderResponse(order=self._shop.orders[order_id])
        self._shop.answered(request, answer)
        return answer

    async def GetOrder(self, request: orders.GetOrderRequest, context: Any) -> Any:
        self._shop.note("GetOrder")
        return orders.GetOrderResponse(order=self._own(request.order_id))

    async def ListOrders(self, request: orders.ListOrdersRequest, context: Any) -> Any:
        self._shop.note("ListOrders")
        mine = [order for order in self._shop.orders.values() if self._is_own(order)]
        found, token = page(mine[::-1], request, f"orders {call.caller().user_id}")
        return orders.ListOrdersResponse(orders=found, next_page_token=token)

    async def CancelOrder(self, request: orders.CancelOrderRequest, context: Any) -> Any:
        self._shop.note("CancelOrder")
        order = self._own(request.order_id)
        if earlier := self._shop.repeated(request):
            return earlier
        if order.state == orders_pb2.ORDER_STATE_CONFIRMED:
            raise Problem("refused", "ORDER_NOT_CANCELLABLE", "it is paid", {"state": "CONFIRMED"})
        self._shop.moved(order.order_id, orders_pb2.ORDER_STATE_CANCELLED, "CANCELLED_BY_CUSTOMER")
        answer = orders.CancelOrderResponse(order=order)
        self._shop.answered(request, answer)
        return answer

    async def BatchGetHistories(self, request: orders.BatchGetHistoriesRequest, context: Any) -> Any:
        self._shop.note("BatchGetHistories")
        found = [self._shop.orders[one] for one in request.order_ids if one in self._shop.orders]
        told = [
            status
            for order in found
            if self._is_own(order)
            for status in self._shop.histories[order.order_id]
        ]
        return orders.BatchGetHistoriesResponse(statuses=told)

    def _is_own(self, order: orders_pb2.Order) -> bool:
        return order.customer_id == str(call.caller().user_id)

    def _own(self, order_id: str) -> orders_pb2.Order:
        order = self._shop.orders.get(order_id)
        if order is None or not self._is_own(order):
            raise access_denied()
        return order


class Webhooks(Servicer["Shop"]):
    async def CreateWebhookEndpoint(
        self, request: webhooks.CreateWebhookEndpointRequest, context: Any
    ) -> Any:
        self._shop.note("CreateWebhookEndpoint")
        if earlier := self._shop.repeated(request):
            return earlier
        if not request.url.startswith("https://"):
            raise Problem("invalid", "WEBHOOK_URL_REJECTED", "https only", {"cause": "NOT_HTTPS"})
        made = self._shop.registered(call.caller().user_id, request.url, list(request.event_types))
        answer = webhooks.CreateWebhookEndpointResponse(
            endpoint=self._shop.endpoints[made], secret="whsec_dGVzdA=="
        )
        self._shop.answered(request, answer)
        return answer

    async def GetWebhookEndpoint(self, request: webhooks.GetWebhookEndpointRequest, context: Any) -> Any:
        self._shop.note("GetWebhookEndpoint")
        return webhooks.GetWebhookEndpointResponse(endpoint=self._own(request.endpoint_id))

    async def ListWebhookEndpoints(self, request: webhooks.ListWebhookEndpointsRequest, context: Any) -> Any:
        self._shop.note("ListWebhookEndpoints")
        mine = [
            one for one in self._shop.endpoints.values()
            if self._shop.owners[one.endpoint_id] == call.caller().user_id
        ]  # fmt: skip
        found, token = page(mine, request, f"endpoints {call.caller().user_id}")
        return webhooks.ListWebhookEndpointsResponse(endpoints=found, next_page_token=token)

    async def DeleteWebhookEndpoint(
        self, request: webhooks.DeleteWebhookEndpointRequest, context: Any
    ) -> Any:
        self._shop.note("DeleteWebhookEndpoint")
        if earlier := self._deleted(request):
            return earlier
        endpoint = self._own(request.endpoint_id)
        del self._shop.endpoints[endpoint.endpoint_id]
        answer = webhooks.DeleteWebhookEndpointResponse()
        self._shop.repeated(request)
        self._shop.answered(request, answer)
        return answer

    def _deleted(self, request: webhooks.DeleteWebhookEndpointRequest) -> Any:
        gone = request.endpoint_id in self._shop.owners and request.endpoint_id not in self._shop.endpoints
        mine = self._shop.owners.get(request.endpoint_id) == call.caller().user_id
        return self._shop.repeated(request) if gone and mine else None

    async def VerifyWebhookEndpoint(
        self, request: webhooks.VerifyWebhookEndpointRequest, context: Any
    ) -> Any:
        self._shop.note("VerifyWebhookEndpoint")
        endpoint = self._own(request.endpoint_id)
        if endpoint.url.endswith("/gone"):
            details = {"cause": "HTTP_410", "status_code": "410"}
            raise Problem("refused", "WEBHOOK_NOT_VERIFIED", "it does not answer the challenge", details)
        endpoint.state = webhooks_pb2.WEBHOOK_ENDPOINT_STATE_ACTIVE
        return webhooks.VerifyWebhookEndpointResponse(endpoint=endpoint)

    async def RotateWebhookSecret(self, request: webhooks.RotateWebhookSecretRequest, context: Any) -> Any:
        self._shop.note("RotateWebhookSecret")
        endpoint = self._own(request.endpoint_id)
        return webhooks.RotateWebhookSecretResponse(endpoint=endpoint, secret="whsec_bmV3")

    async def ListWebhookDeliveries(
        self, request: webhooks.ListWebhookDeliveriesRequest, context: Any
    ) -> Any:
        self._shop.note("ListWebhookDeliveries")
        endpoint = self._own(request.endpoint_id)
        sent = [one for one in self._shop.deliveries.values() if one.endpoint_id == endpoint.endpoint_id]
        found, token = page(sent, request, f"deliveries {request.endpoint_id}")
        return webhooks.ListWebhookDeliveriesResponse(deliveries=found, next_page_token=token)

    async def RedeliverWebhook(self, request: webhooks.RedeliverWebhookRequest, context: Any) -> Any:
        self._shop.note("RedeliverWebhook")
        endpoint = self._own(request.endpoint_id)
        delivery = self._shop.deliveries.get(request.delivery_id)
        if delivery is None or delivery.endpoint_id != endpoint.endpoint_id:
            raise access_denied()
        if endpoint.state != webhooks_pb2.WEBHOOK_ENDPOINT_STATE_ACTIVE:
            raise Problem(
                "refused", "WEBHOOK_ENDPOINT_NOT_ACTIVE", "verify it first", {"state": "UNVERIFIED"}
            )
        delivery.state = webhooks_pb2.WEBHOOK_DELIVERY_STATE_PENDING
        return webhooks.RedeliverWebhookResponse(delivery=delivery)

    def _own(self, endpoint_id: str) -> webhooks_pb2.WebhookEndpoint:
        if endpoint_id not in self._shop.endpoints or self._shop.owners[endpoint_id] != call.caller().user_id:
            raise access_denied()
        return self._shop.endpoints[endpoint_id]
