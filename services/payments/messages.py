"""Translates between the payments' domain and its protos, both ways."""

from typing import TypedDict
from uuid import UUID

from google.protobuf.message import Message
from google.type.money_pb2 import Money

from kit.events import Event
from kit.money import from_minor, to_minor
from ordermesh.inventory.v1.inventory_events_pb2 import StockReservationExpired, StockReserved
from ordermesh.orders.v1.orders_events_pb2 import OrderCancellationRequested, OrderPlaced
from ordermesh.payments.v1 import payments_events_pb2 as told
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2
from ordermesh.sagas.v1 import sagas_pb2
from services.payments import domain
from services.payments.domain import Fact, Payment, Terms
from services.payments.usecases import (
    AuthorizePayment,
    CancelPayment,
    CapturePayment,
    HearOfOrder,
    ProcessPayment,
)

EXPIRED = "RESERVATION_EXPIRED"


def to_coordination(value: sagas_pb2.Coordination.ValueType) -> str:
    """Who carries the order; a caller who does not say is the synchronous chain."""
    return sagas_pb2.Coordination.Name(value or sagas_pb2.COORDINATION_SYNC).removeprefix("COORDINATION_")


def to_process_payment(request: payments_service_pb2.ProcessPaymentRequest) -> ProcessPayment:
    """The command in a request."""
    return ProcessPayment(UUID(request.order_id), _terms(request), to_coordination(request.coordination))


def to_authorize_payment(request: payments_service_pb2.AuthorizePaymentRequest) -> AuthorizePayment:
    """The command in a request."""
    return AuthorizePayment(UUID(request.order_id), _terms(request), to_coordination(request.coordination))


def _terms(
    request: payments_service_pb2.ProcessPaymentRequest | payments_service_pb2.AuthorizePaymentRequest,
) -> Terms:
    amount = request.amount
    return Terms(UUID(request.customer_id), to_minor(amount), amount.currency_code, request.payment_token)


def to_capture_payment(request: payments_service_pb2.CapturePaymentRequest) -> CapturePayment:
    """The command in a request."""
    return CapturePayment(UUID(request.order_id), to_coordination(request.coordination))


def to_cancel_payment(request: payments_service_pb2.CancelPaymentRequest) -> CancelPayment:
    """The command in a request."""
    return CancelPayment(UUID(request.order_id), request.reason, to_coordination(request.coordination))


def order_placed(event: Event, message: OrderPlaced) -> HearOfOrder:
    """The command in an event."""
    customer_id, total = UUID(message.customer_id), message.total
    terms = Terms(customer_id, to_minor(total), total.currency_code, message.payment_token)
    return HearOfOrder(event.key, terms, event.coordination, event.event_id)


def stock_reserved(event: Event, message: StockReserved) -> HearOfOrder:
    """The command in an event."""
    return HearOfOrder(event.key, None, event.coordination, event.event_id)


def cancellation_requested(event: Event, message: OrderCancellationRequested) -> CancelPayment:
    """The command in an event."""
    return CancelPayment(event.key, message.reason, event.coordination, event.event_id)


def reservation_expired(event: Event, message: StockReservationExpired) -> CancelPayment:
    """The command in an event."""
    return CancelPayment(event.key, EXPIRED, event.coordination, event.event_id)


def to_event(fact: Fact, payment: Payment) -> Message:
    """The event that tells a fact of this payment."""
    order_id = str(fact.order_id)
    match fact:
        case domain.PaymentAuthorized():
            return told.PaymentAuthorized(order_id=order_id, **_paid(payment))
        case domain.PaymentCaptured():
            return told.PaymentCaptured(order_id=order_id, **_paid(payment))
        case domain.PaymentVoided():
            return told.PaymentVoided(order_id=order_id)
        case domain.PaymentProcessed():
            return told.PaymentProcessed(order_id=order_id, **_paid(payment))
        case domain.PaymentFailed():
            return told.PaymentFailed(order_id=order_id, reason=fact.reason)
        case domain.PaymentRefunded():
            return told.PaymentRefunded(order_id=order_id)


class _Paid(TypedDict):
    """Who pays how much, as the events tell it."""

    customer_id: str
    amount: Money


def _paid(payment: Payment) -> _Paid:
    terms = payment.terms
    assert terms is not None  # noqa: S101 - what is set aside or charged has terms; so says the table's check
    amount = from_minor(terms.amount_minor, terms.currency_code)
    return {"customer_id": str(terms.customer_id), "amount": amount}


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
