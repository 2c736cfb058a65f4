"""Translates between the payments' domain and its protos, both ways."""

from uuid import UUID

from kit.money import from_minor, to_minor
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2
from services.payments.domain import Payment, Terms
from services.payments.usecases import CancelPayment, ProcessPayment


def to_process_payment(request: payments_service_pb2.ProcessPaymentRequest) -> ProcessPayment:
    """The command in a request."""
    amount = request.amount
    terms = Terms(UUID(request.customer_id), to_minor(amount), amount.currency_code, request.payment_token)
    return ProcessPayment(UUID(request.order_id), terms)


def to_cancel_payment(request: payments_service_pb2.CancelPaymentRequest) -> CancelPayment:
    """The command in a request."""
    return CancelPayment(UUID(request.order_id), request.reason)


def from_payment(payment: Payment) -> payments_pb2.Payment:
    """The payment on the wire, without the token."""
    message = payments_pb2.Payment(
        order_id=str(payment.order_id),
        state=payments_pb2.PaymentState.Value(f"PAYMENT_STATE_{payment.state}"),
        reason=payment.reason,
        cancel_requested=payment.cancel_requested,
    )
    if payment.terms is not None:
        message.customer_id = str(payment.terms.customer_id)
        message.amount.CopyFrom(from_minor(payment.terms.amount_minor, payment.terms.currency_code))
    if payment.create_time is not None:
        message.create_time.FromDatetime(payment.create_time)
    if payment.update_time is not None:
        message.update_time.FromDatetime(payment.update_time)
    return message
