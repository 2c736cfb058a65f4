"""The OrderSagaService RPCs: what an order's workflow tells and asks."""

from typing import Any
from uuid import UUID

from ordermesh.orders.v1 import orders_pb2, orders_saga_service_pb2_grpc
from ordermesh.orders.v1 import orders_saga_service_pb2 as pb
from services.orders import hearing, messages
from services.orders.domain import Told
from services.orders.usecases import UnitOfWork


class OrderSagaServicer(orders_saga_service_pb2_grpc.OrderSagaServiceServicer):
    """Serves ordermesh.orders.v1.OrderSagaService: what workflows tell and ask."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def GetPaymentToken(
        self, request: pb.GetPaymentTokenRequest, context: Any
    ) -> pb.GetPaymentTokenResponse:
        """Give the means of payment."""
        token = await hearing.payment_token(UUID(request.order_id), self._uow)
        return pb.GetPaymentTokenResponse(payment_token=token)

    async def ConfirmOrder(self, request: pb.ConfirmOrderRequest, context: Any) -> pb.ConfirmOrderResponse:
        """The order is paid."""
        order = await self._hear(request.order_id, Told.PAYMENT_PROCESSED)
        return pb.ConfirmOrderResponse(order=order)

    async def CloseOrder(self, request: pb.CloseOrderRequest, context: Any) -> pb.CloseOrderResponse:
        """The saga is undone."""
        order = await self._hear(request.order_id, Told.STOCK_RELEASED, request.reason)
        return pb.CloseOrderResponse(order=order)

    async def AwaitApproval(self, request: pb.AwaitApprovalRequest, context: Any) -> pb.AwaitApprovalResponse:
        """A person has to approve it."""
        order = await self._hear(request.order_id, Told.APPROVAL_NEEDED)
        return pb.AwaitApprovalResponse(order=order)

    async def ResumeOrder(self, request: pb.ResumeOrderRequest, context: Any) -> pb.ResumeOrderResponse:
        """A person has approved it."""
        order = await self._hear(request.order_id, Told.APPROVED)
        return pb.ResumeOrderResponse(order=order)

    async def ShipOrder(self, request: pb.ShipOrderRequest, context: Any) -> pb.ShipOrderResponse:
        """The carrier has it."""
        order = await self._hear(request.order_id, Told.DISPATCHED)
        return pb.ShipOrderResponse(order=order)

    async def DeliverOrder(self, request: pb.DeliverOrderRequest, context: Any) -> pb.DeliverOrderResponse:
        """The customer has it."""
        order = await self._hear(request.order_id, Told.DELIVERED)
        return pb.DeliverOrderResponse(order=order)

    async def _hear(self, order_id: str, told: Told, reason: str = "") -> orders_pb2.Order:
        order = await hearing.hear_outcome(messages.to_outcome(order_id, told, reason), self._uow)
        return messages.from_order(order)
