"""Translates between the notifications' domain and its protos, both ways."""

from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message

from kit import pages
from kit.call import Caller
from kit.events import Event
from kit.ids import step_key
from kit.money import to_minor
from ordermesh.notifications.v1 import notifications_pb2, notifications_service_pb2
from ordermesh.notifications.v1.notifications_events_pb2 import ConfirmationSent
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from ordermesh.payments.v1.payments_events_pb2 import PaymentProcessed
from ordermesh.sagas.v1 import sagas_pb2
from services.notifications.domain import Fact, Notification, Terms
from services.notifications.usecases import ListNotifications, Position, SendMessage

CONFIRMATION, RECEIPT = "send-confirmation", "send-receipt"


def to_send_confirmation(request: notifications_service_pb2.SendConfirmationRequest) -> SendMessage:
    """The command in a request. The message's identity is the step's key, whatever the request_id says."""
    order_id = UUID(request.order_id)
    terms = Terms(UUID(request.customer_id), to_minor(request.total), request.total.currency_code)
    coordination = sagas_pb2.Coordination.Name(request.coordination or sagas_pb2.COORDINATION_SYNC)
    key = step_key(order_id, CONFIRMATION)
    return SendMessage(key, order_id, terms, coordination.removeprefix("COORDINATION_"))


def order_placed(event: Event, message: OrderPlaced) -> SendMessage:
    """The command in an event."""
    terms = Terms(UUID(message.customer_id), to_minor(message.total), message.total.currency_code)
    return _of_event(event, RECEIPT, terms)


def payment_processed(event: Event, message: PaymentProcessed) -> SendMessage:
    """The command in an event."""
    terms = Terms(UUID(message.customer_id), to_minor(message.amount), message.amount.currency_code)
    return _of_event(event, CONFIRMATION, terms)


def _of_event(event: Event, step: str, terms: Terms) -> SendMessage:
    key = step_key(event.key, step)
    return SendMessage(key, event.key, terms, event.coordination, event.event_id)


def to_event(fact: Fact) -> Message:
    """The event that tells a fact."""
    return ConfirmationSent(order_id=str(fact.order_id))


def to_list_notifications(
    request: notifications_service_pb2.ListNotificationsRequest, caller: Caller
) -> ListNotifications:
    """The query in a request: only the caller's own, unless an operator asks."""
    cursor = pages.decode(request.page_token, _scope(request, caller), parts=2)
    return ListNotifications(
        customer_id=None if caller.is_operator else caller.user_id,
        order_id=UUID(request.order_id) if request.order_id else None,
        after=_position(cursor) if cursor else None,
        size=pages.size(request.page_size),
    )


def from_page(
    found: list[Notification],
    size: int,
    request: notifications_service_pb2.ListNotificationsRequest,
    caller: Caller,
) -> notifications_service_pb2.ListNotificationsResponse:
    """A page on the wire; one message more than its size says that another page follows."""
    page = found[:size]
    answer = notifications_service_pb2.ListNotificationsResponse(
        notifications=[from_notification(notification) for notification in page]
    )
    if len(found) > size and page[-1].create_time is not None:
        cursor = [page[-1].create_time.isoformat(), str(page[-1].notification_id)]
        answer.next_page_token = pages.encode(cursor, _scope(request, caller))
    return answer


def from_notification(notification: Notification) -> notifications_pb2.Notification:
    """The message on the wire."""
    message = notifications_pb2.Notification(
        notification_id=str(notification.notification_id),
        order_id=str(notification.order_id),
        kind=notifications_pb2.NotificationKind.Value(f"NOTIFICATION_KIND_{notification.kind}"),
        state=notifications_pb2.NotificationState.Value(f"NOTIFICATION_STATE_{notification.state}"),
        attempts=notification.attempts,
    )
    if notification.terms is not None:
        message.customer_id = str(notification.terms.customer_id)
    if notification.create_time is not None:
        message.create_time.FromDatetime(notification.create_time)
    if notification.send_time is not None:
        message.send_time.FromDatetime(notification.send_time)
    return message


def _scope(request: notifications_service_pb2.ListNotificationsRequest, caller: Caller) -> str:
    """What a page token is bound to: other filters or another caller need tokens of their own."""
    return f"ListNotifications {caller.user_id} {caller.role} {request.order_id}"


def _position(cursor: list[str]) -> Position:
    try:
        position = Position(datetime.fromisoformat(cursor[0]), UUID(cursor[1]))
    except ValueError as error:
        raise pages.invalid() from error
    if position.create_time.tzinfo is None:
        raise pages.invalid()
    return position
