"""The OrdersService RPCs: message, command, use case, message."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from kit import call, pages
from kit.requests import request_key
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2_grpc
from ordermesh.orders.v1 import orders_service_pb2 as pb
from services.orders import approval, messages, usecases, watching
from services.orders.approval import Approvals
from services.orders.domain import Coordination, Order
from services.orders.usecases import Catalogue, Mode, UnitOfWork
from services.orders.watching import Changes


class OrdersServicer(orders_service_pb2_grpc.OrdersServiceServicer):
    """Serves ordermesh.orders.v1.OrdersService."""

    def __init__(
        self,
        uow: UnitOfWork,
        catalogue: Catalogue,
        modes: Mapping[Coordination, Mode],
        changes: Changes,
        approvals: Approvals,
        workflow_ui: str,
    ) -> None:
        self._approvals = approvals
        self._workflow_ui = workflow_ui
        self._uow = uow
        self._catalogue = catalogue
        self._modes = modes
        self._changes = changes

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Any) -> pb.PlaceOrderResponse:
        """Place an order."""
        command = messages.to_place_order(request, call.caller().user_id)
        order = await usecases.place_order(command, self._uow, self._catalogue, self._modes)
        return pb.PlaceOrderResponse(order=self._shown(order))

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:
        """Read one order."""
        order = await usecases.get_order(UUID(request.order_id), messages.to_viewer(), self._uow)
        return pb.GetOrderResponse(order=self._shown(order))

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Any) -> pb.ListOrdersResponse:
        """List orders, newest first."""
        viewer = messages.to_viewer()
        before = messages.to_cursor(request.page_token, viewer)
        size = pages.size(request.page_size)
        orders, more = await usecases.list_orders(viewer, size, before, self._uow)
        return pb.ListOrdersResponse(
            orders=[self._shown(order) for order in orders],
            next_page_token=messages.from_cursor(orders[-1], viewer) if more else "",
        )

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> pb.CancelOrderResponse:
        """Ask to cancel an order."""
        viewer = messages.to_viewer()
        key = request_key(viewer.user_id, request)
        order = await usecases.cancel_order(key, UUID(request.order_id), viewer, self._uow, self._modes)
        return pb.CancelOrderResponse(order=self._shown(order))

    async def WatchOrder(
        self, request: pb.WatchOrderRequest, context: Any
    ) -> AsyncIterator[pb.WatchOrderResponse]:
        """Stream an order's history."""
        order_id, viewer = UUID(request.order_id), messages.to_viewer()
        watched = watching.watch_order(order_id, request.after_version, viewer, self._uow, self._changes)
        async for status in watched:
            yield pb.WatchOrderResponse(status=messages.from_status(status))

    async def BatchGetHistories(
        self, request: pb.BatchGetHistoriesRequest, context: Any
    ) -> pb.BatchGetHistoriesResponse:
        """Read the histories of several orders."""
        order_ids = [UUID(order_id) for order_id in request.order_ids]
        statuses = await usecases.batch_get_histories(order_ids, messages.to_viewer(), self._uow)
        return pb.BatchGetHistoriesResponse(statuses=map(messages.from_status, statuses))

    async def ApproveOrder(self, request: pb.ApproveOrderRequest, context: Any) -> pb.ApproveOrderResponse:
        """Approve an order that waits for it."""
        command = messages.to_decide(request, approves=True)
        order = await approval.decide(command, self._uow, self._approvals)
        return pb.ApproveOrderResponse(order=self._shown(order))

    async def RejectOrder(self, request: pb.RejectOrderRequest, context: Any) -> pb.RejectOrderResponse:
        """Reject an order that waits for approval."""
        command = messages.to_decide(request, approves=False)
        order = await approval.decide(command, self._uow, self._approvals)
        return pb.RejectOrderResponse(order=self._shown(order))

    def _shown(self, order: Order) -> orders_pb2.Order:
        return messages.from_order(order, messages.workflow_url(order, self._workflow_ui))
