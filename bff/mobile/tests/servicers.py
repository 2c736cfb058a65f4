"""The RPCs of a `shop`, as the services answer them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp

from kit import call
from kit.errors import Problem, access_denied
from kit.testing.backing import Servicer
from ordermesh.orders.v1 import orders_pb2
from ordermesh.orders.v1 import orders_service_pb2 as orders
from ordermesh.products.v1 import products_service_pb2 as products
from ordermesh.users.v1 import users_service_pb2 as users

if TYPE_CHECKING:
    from bff.mobile.tests.shop import Shop

FINAL = (orders_pb2.ORDER_STATE_CONFIRMED, orders_pb2.ORDER_STATE_CANCELLED)


def of(service: str, shop: Shop) -> dict[str, object]:
    """The proto service that a workload serves."""
    servicers = {"users": Users, "products": Products, "orders": Orders}
    return {f"ordermesh.{service}.v1.{service.capitalize()}Service": servicers[service](shop)}


class Users(Servicer["Shop"]):
    async def GetUser(self, request: users.GetUserRequest, context: Any) -> Any:
        await self._shop.note("GetUser", request)
        if request.user_id != str(call.caller().user_id):
            raise access_denied()
        return users.GetUserResponse(user=self._shop.users[request.user_id])

    async def SignIn(self, request: users.SignInRequest, context: Any) -> Any:
        from bff.mobile.tests.shop import ISSUER, PASSWORD

        await self._shop.note("SignIn", request)
        found = [user for user in self._shop.users.values() if user.username == request.username]
        if not found or request.password != PASSWORD:
            raise Problem("unauthenticated", "CREDENTIALS_INVALID", "the name or the password is wrong")
        audience = {users.CLIENT_MOBILE: "ordermesh-mobile"}.get(request.client, "ordermesh-api")
        token = ISSUER.token(uuid.UUID(found[0].user_id), aud=audience)
        return users.SignInResponse(token=token, expire_time=Timestamp(seconds=2_000_000_000))


class Products(Servicer["Shop"]):
    async def ListProducts(self, request: products.ListProductsRequest, context: Any) -> Any:
        await self._shop.note("ListProducts", request)
        found = [product for _, product in sorted(self._shop.products.items())]
        return products.ListProductsResponse(products=found[: request.page_size])


class Orders(Servicer["Shop"]):
    async def GetOrder(self, request: orders.GetOrderRequest, context: Any) -> Any:
        await self._shop.note("GetOrder", request)
        return orders.GetOrderResponse(order=self._own(request.order_id))

    async def ListOrders(self, request: orders.ListOrdersRequest, context: Any) -> Any:
        await self._shop.note("ListOrders", request)
        mine = self._owned(reversed(self._shop.orders))
        return orders.ListOrdersResponse(orders=mine[: request.page_size])

    async def PlaceOrder(self, request: orders.PlaceOrderRequest, context: Any) -> Any:
        await self._shop.note("PlaceOrder", request)
        said, known = request.SerializeToString(deterministic=True), self._shop.requests
        if len({line.sku for line in request.lines}) < len(request.lines):
            from kit.errors import Violation

            wrong = [Violation("lines", "must name each sku once; add the quantities up")]
            raise Problem("invalid", "DUPLICATE_SKU", "the request breaks rules", violations=wrong)
        if request.request_id not in known:
            skus = [line.sku for line in request.lines]
            if missing := [sku for sku in skus if sku not in self._shop.products]:
                raise Problem("missing", "PRODUCT_NOT_FOUND", "there is none", {"sku": ",".join(missing)})
            placed = self._shop.ordered(call.caller().user_id, skus, paid=False)
            known[request.request_id] = (said, placed)
        told, order_id = known[request.request_id]
        if told != said:
            raise Problem("invalid", "REQUEST_ID_MISMATCH", "used with another content; use a new one")
        order = self._shop.orders[order_id]
        if request.payment_token == "tok_declined":
            if order.state not in FINAL:
                self._shop.moved(order_id, orders_pb2.ORDER_STATE_CANCELLED, "PAYMENT_DECLINED")
            details = {"order_id": order_id, "decline_code": "DO_NOT_HONOR"}
            raise Problem("refused", "PAYMENT_DECLINED", "the order is cancelled", details)
        return orders.PlaceOrderResponse(order=order)

    async def WatchOrder(self, request: orders.WatchOrderRequest, context: Any) -> AsyncIterator[Any]:
        await self._shop.note("WatchOrder", request)
        order, seen = self._own(request.order_id), request.after_version
        while True:
            changed = self._shop.changed
            for status in self._shop.histories[order.order_id][seen:]:
                yield orders.WatchOrderResponse(status=status)
                seen = status.version
            if order.state in FINAL:
                return
            await changed.wait()

    def _owned(self, order_ids: Iterable[str]) -> list[orders_pb2.Order]:
        caller = str(call.caller().user_id)
        found = [self._shop.orders[one] for one in order_ids if one in self._shop.orders]
        return [order for order in found if order.customer_id == caller]

    def _own(self, order_id: str) -> orders_pb2.Order:
        found = self._owned([order_id])
        if not found:
            raise access_denied()
        return found[0]
