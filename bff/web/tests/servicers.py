"""The RPCs of a `shop`, as the services answer them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from kit import call, pages
from kit.errors import Problem, access_denied
from kit.testing.backing import Servicer
from ordermesh.orders.v1 import orders_pb2
from ordermesh.orders.v1 import orders_service_pb2 as orders
from ordermesh.payments.v1 import payments_service_pb2 as payments
from ordermesh.products.v1 import products_service_pb2 as products
from ordermesh.shipping.v1 import shipping_service_pb2 as shipping
from ordermesh.users.v1 import users_pb2
from ordermesh.users.v1 import users_service_pb2 as users

if TYPE_CHECKING:
    from bff.web.tests.shop import Shop

T = TypeVar("T")
FINAL = (orders_pb2.ORDER_STATE_CONFIRMED, orders_pb2.ORDER_STATE_CANCELLED)


def of(service: str, shop: Shop) -> dict[str, object]:
    """The proto services that a workload serves."""
    name = {"shipping": "Tracking"}.get(service, service.capitalize())
    servicers = {"users": Users, "products": Products, "orders": Orders, "payments": Payments}
    return {f"ordermesh.{service}.v1.{name}Service": servicers.get(service, Tracking)(shop)}


def own(things: dict[str, T], wanted: Iterable[str]) -> list[T]:
    """Those of these that the caller may see."""
    caller = call.caller()
    found = [things[one] for one in wanted if one in things]
    return [one for one in found if caller.is_operator or owner_of(one) == str(caller.user_id)]


def owner_of(thing: Any) -> str:
    return str(thing.user_id if isinstance(thing, users_pb2.User) else thing.customer_id)


class Users(Servicer["Shop"]):
    async def BatchGetUsers(self, request: users.BatchGetUsersRequest, context: Any) -> Any:
        self._shop.note("BatchGetUsers")
        return users.BatchGetUsersResponse(users=own(self._shop.users, request.user_ids))

    async def CreateUser(self, request: users.CreateUserRequest, context: Any) -> Any:
        self._shop.note("CreateUser")
        if any(user.username == request.username for user in self._shop.users.values()):
            raise Problem("refused", "USERNAME_TAKEN", "taken", {"username": request.username})
        user = users_pb2.User(
            user_id=str(uuid.uuid4()), username=request.username, role=users_pb2.ROLE_CUSTOMER
        )
        self._shop.users[user.user_id] = user
        return users.CreateUserResponse(user=user)

    async def SignIn(self, request: users.SignInRequest, context: Any) -> Any:
        from bff.web.tests.shop import ISSUER, PASSWORD

        self._shop.note("SignIn")
        found = [user for user in self._shop.users.values() if user.username == request.username]
        if not found or request.password != PASSWORD:
            raise Problem("unauthenticated", "CREDENTIALS_INVALID", "the name or the password is wrong")
        audience = {users.CLIENT_WEB: "ordermesh-web"}.get(request.client, "ordermesh-api")
        token = ISSUER.token(uuid.UUID(found[0].user_id), aud=audience)
        return users.SignInResponse(token=token, expire_time=Timestamp(seconds=2_000_000_000))


class Products(Servicer["Shop"]):
    async def BatchGetProducts(self, request: products.BatchGetProductsRequest, context: Any) -> Any:
        self._shop.note("BatchGetProducts")
        missing = [sku for sku in request.skus if sku not in self._shop.products]
        if missing:
            raise Problem("missing", "PRODUCT_NOT_FOUND", "there is none", {"sku": ",".join(missing)})
        return products.BatchGetProductsResponse(products=[self._shop.products[sku] for sku in request.skus])

    async def ListProducts(self, request: products.ListProductsRequest, context: Any) -> Any:
        self._shop.note("ListProducts")
        (after,) = pages.decode(request.page_token, "products") or [""]
        size = pages.size(request.page_size)
        rest = [product for sku, product in sorted(self._shop.products.items()) if sku > after]
        token = pages.encode([rest[size - 1].sku], "products") if len(rest) > size else ""
        return products.ListProductsResponse(products=rest[:size], next_page_token=token)


class Orders(Servicer["Shop"]):
    async def GetOrder(self, request: orders.GetOrderRequest, context: Any) -> Any:
        self._shop.note("GetOrder")
        return orders.GetOrderResponse(order=self._own(request.order_id))

    async def ListOrders(self, request: orders.ListOrdersRequest, context: Any) -> Any:
        self._shop.note("ListOrders")
        mine = own(self._shop.orders, reversed(self._shop.orders))
        scope = f"orders {call.caller().user_id}"
        begin = int((pages.decode(request.page_token, scope) or ["0"])[0])
        end = begin + pages.size(request.page_size)
        token = pages.encode([str(end)], scope) if end < len(mine) else ""
        return orders.ListOrdersResponse(orders=mine[begin:end], next_page_token=token)

    async def BatchGetHistories(self, request: orders.BatchGetHistoriesRequest, context: Any) -> Any:
        self._shop.note("BatchGetHistories")
        mine = own(self._shop.orders, request.order_ids)
        told = [status for order in mine for status in self._shop.histories[order.order_id]]
        return orders.BatchGetHistoriesResponse(statuses=told)

    async def PlaceOrder(self, request: orders.PlaceOrderRequest, context: Any) -> Any:
        self._shop.note("PlaceOrder")
        if request.request_id not in self._shop.requests:
            skus = [line.sku for line in request.lines]
            if missing := [sku for sku in skus if sku not in self._shop.products]:
                raise Problem("missing", "PRODUCT_NOT_FOUND", "there is none", {"sku": ",".join(missing)})
            self._shop.requests[request.request_id] = self._shop.ordered(call.caller().user_id, skus)
        order = self._shop.orders[self._shop.requests[request.request_id]]
        if request.payment_token == "tok_declined":
            self._shop.moved(order.order_id, orders_pb2.ORDER_STATE_CANCELLED, "PAYMENT_DECLINED")
            details = {"order_id": order.order_id, "decline_code": "DO_NOT_HONOR"}
            raise Problem("refused", "PAYMENT_DECLINED", "the order is cancelled", details)
        return orders.PlaceOrderResponse(order=order)

    async def CancelOrder(self, request: orders.CancelOrderRequest, context: Any) -> Any:
        self._shop.note("CancelOrder")
        order = self._own(request.order_id)
        if order.state == orders_pb2.ORDER_STATE_CONFIRMED:
            raise Problem("refused", "ORDER_NOT_CANCELLABLE", "it is paid", {"state": "CONFIRMED"})
        if order.state != orders_pb2.ORDER_STATE_CANCELLED:
            self._shop.moved(order.order_id, orders_pb2.ORDER_STATE_CANCELLED, "CANCELLED_BY_CUSTOMER")
        return orders.CancelOrderResponse(order=order)

    async def WatchOrder(self, request: orders.WatchOrderRequest, context: Any) -> AsyncIterator[Any]:
        self._shop.note("WatchOrder")
        order, seen = self._own(request.order_id), request.after_version
        while True:
            changed = self._shop.changed
            for status in self._shop.histories[order.order_id][seen:]:
                yield orders.WatchOrderResponse(status=status)
                seen = status.version
            if order.state in FINAL:
                return
            await changed.wait()

    def _own(self, order_id: str) -> orders_pb2.Order:
        found = own(self._shop.orders, [order_id])
        if not found:
            raise access_denied()
        return found[0]


class Payments(Servicer["Shop"]):
    async def BatchGetPayments(self, request: payments.BatchGetPaymentsRequest, context: Any) -> Any:
        self._shop.note("BatchGetPayments")
        return payments.BatchGetPaymentsResponse(payments=own(self._shop.payments, request.order_ids))


class Tracking(Servicer["Shop"]):
    async def BatchGetShipments(self, request: shipping.BatchGetShipmentsRequest, context: Any) -> Any:
        self._shop.note("BatchGetShipments")
        return shipping.BatchGetShipmentsResponse(shipments=own(self._shop.shipments, request.order_ids))
