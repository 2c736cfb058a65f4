"""The PaymentsService RPCs: message, command, use case, message."""

from typing import Any
from uuid import UUID

from kit import call
from ordermesh.payments.v1 import payments_service_pb2 as pb
from ordermesh.payments.v1 import payments_service_pb2_grpc
from services.payments import messages, usecases
from services.payments.usecases import Settling, UnitOfWork


class PaymentsServicer(payments_service_pb2_grpc.PaymentsServiceServicer):
    """Serves ordermesh.payments.v1.PaymentsService."""

    def __init__(self, uow: UnitOfWork, settling: Settling) -> None:
        self._uow = uow
        self._settling = settling

    async def ProcessPayment(
        self, request: pb.ProcessPaymentRequest, context: Any
    ) -> pb.ProcessPaymentResponse:
        """Charge an order once."""
        command = messages.to_process_payment(request)
        payment = await usecases.process_payment(command, self._uow, self._settling)
        return pb.ProcessPaymentResponse(payment=messages.from_payment(payment))

    async def AuthorizePayment(
        self, request: pb.AuthorizePaymentRequest, context: Any
    ) -> pb.AuthorizePaymentResponse:
        """Set the money of an order aside once."""
        command = messages.to_authorize_payment(request)
        payment = await usecases.authorize_payment(command, self._uow, self._settling)
        return pb.AuthorizePaymentResponse(payment=messages.from_payment(payment))

    async def CapturePayment(
        self, request: pb.CapturePaymentRequest, context: Any
    ) -> pb.CapturePaymentResponse:
        """Move what was set aside, once."""
        command = messages.to_capture_payment(request)
        payment = await usecases.capture_payment(command, self._uow, self._settling)
        return pb.CapturePaymentResponse(payment=messages.from_payment(payment))

    async def CancelPayment(self, request: pb.CancelPaymentRequest, context: Any) -> pb.CancelPaymentResponse:
        """Promise that no money stays moved."""
        command = messages.to_cancel_payment(request)
        payment = await usecases.cancel_payment(command, self._uow, self._settling)
        return pb.CancelPaymentResponse(payment=messages.from_payment(payment))

    async def GetPayment(self, request: pb.GetPaymentRequest, context: Any) -> pb.GetPaymentResponse:
        """Read the payment of one of the caller's orders."""
        payment = await usecases.get_payment(UUID(request.order_id), call.caller(), self._uow)
        return pb.GetPaymentResponse(payment=messages.from_payment(payment))

    async def BatchGetPayments(
        self, request: pb.BatchGetPaymentsRequest, context: Any
    ) -> pb.BatchGetPaymentsResponse:
        """Read the payments of several of the caller's orders."""
        order_ids = [UUID(order_id) for order_id in request.order_ids]
        payments = await usecases.batch_get_payments(order_ids, call.caller(), self._uow)
        return pb.BatchGetPaymentsResponse(payments=map(messages.from_payment, payments))
