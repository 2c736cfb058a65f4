"""The OrdersService RPCs: message, command, use case, message."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from kit import call, pages
from kit.requests import request_key
from ordermesh.orders.v1 import orders_saga_service_pb2 as saga_pb
from ordermesh.orders.v1 import orders_saga_service_pb2_grpc, orders_service_pb2_grpc
from ordermesh.orders.v1 import orders_service_pb2 as pb
from services.orders import hearing, messages, usecases
from services.orders.domain import Coordination
from services.orders.usecases import Catalogue, Changes, Mode, UnitOfWork


class OrdersServicer(orders_service_pb2_grpc.OrdersServiceServicer):
    """Serves ordermesh.orders.v1.OrdersService."""

    def __init__(
        self, uow: UnitOfWork, catalogue: Catalogue, modes: Mapping[Coordination, Mode], changes: Changes
    ) -> None:
        self._uow = uow
        self._catalogue = catalogue
        self._modes = modes
        self._changes = changes

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Any) -> pb.PlaceOrderResponse:
        """Place an order."""
        command = messages.to_place_order(request, call.caller().user_id)
        order = await usecases.place_order(command, self._uow, self._catalogue, self._modes)
        return pb.PlaceOrderResponse(order=messages.from_order(order))

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:
        """Read one order."""
        order = await usecases.get_order(UUID(request.order_id), messages.to_viewer(), self._uow)
        return pb.GetOrderResponse(order=messages.from_order(order))

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Any) -> pb.ListOrdersResponse:
        """List orders, newest first."""
        viewer = messages.to_viewer()
        before = messages.to_cursor(request.page_token, viewer)
        size = pages.size(request.page_size)
        orders, more = await usecases.list_orders(viewer, size, before, self._uow)
        return pb.ListOrdersResponse(
            orders=[messages.from_order(order) for order in orders],
            next_page_token=messages.from_cursor(orders[-1], viewer) if more else "",
        )

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> pb.CancelOrderResponse:
        """Ask to cancel an order."""
        viewer = messages.to_viewer()
        key = request_key(viewer.user_id, request)
        order = await usecases.cancel_order(key, UUID(request.order_id), viewer, self._uow, self._modes)
        return pb.CancelOrderResponse(order=messages.from_order(order))

    async def WatchOrder(
        self, request: pb.WatchOrderRequest, context: Any
    ) -> AsyncIterator[pb.WatchOrderResponse]:
        """Stream an order's history."""
        order_id, viewer = UUID(request.order_id), messages.to_viewer()
        watched = usecases.watch_order(order_id, request.after_version, viewer, self._uow, self._changes)
        async for status in watched:
            yield pb.WatchOrderResponse(status=messages.from_status(status))


class OrderSagaServicer(orders_saga_service_pb2_grpc.OrderSagaServiceServicer):
    """Serves ordermesh.orders.v1.OrderSagaService: what workflows tell and ask."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def GetPaymentToken(
        self, request: saga_pb.GetPaymentTokenRequest, context: Any
    ) -> saga_pb.GetPaymentTokenResponse:
        """Give the means of payment."""
        token = await hearing.payment_token(UUID(request.order_id), self._uow)
        return saga_pb.GetPaymentTokenResponse(payment_token=token)

    async def ConfirmOrder(
        self, request: saga_pb.ConfirmOrderRequest, context: Any
    ) -> saga_pb.ConfirmOrderResponse:
        """The order is paid."""
        order = await hearing.hear_outcome(messages.to_confirm(request), self._uow)
        return saga_pb.ConfirmOrderResponse(order=messages.from_order(order))

    async def CloseOrder(
        self, request: saga_pb.CloseOrderRequest, context: Any
    ) -> saga_pb.CloseOrderResponse:
        """The saga is undone."""
        order = await hearing.hear_outcome(messages.to_close(request), self._uow)
        return saga_pb.CloseOrderResponse(order=messages.from_order(order))
