"""Translates between the webhooks' domain and the wire: protos both ways, and the JSON that is sent."""

import base64
import json
import secrets
from datetime import UTC, datetime
from uuid import UUID

from kit import call, pages
from kit.events import Event
from kit.ids import new_id
from kit.requests import request_key
from ordermesh.notifications.v1 import webhooks_pb2
from ordermesh.notifications.v1 import webhooks_service_pb2 as pb
from services.notifications.webhooks.domain import Delivery, Endpoint
from services.notifications.webhooks.history import EVENT_TYPES, Fact, Order
from services.notifications.webhooks.usecases import (
    CreateEndpoint,
    Position,
    Redeliver,
    RotateSecret,
    Secret,
)
from services.notifications.webhooks.verification import VerifyEndpoint

SECRET_BYTES = 24
TO_ANSWER_SECONDS = 0.3
"""What of the caller's deadline is kept for recording and answering."""


def to_fact(event: Event, message: object) -> Fact:
    """What an event of the orders service tells; only the first one of an order names the customer."""
    customer_id = getattr(message, "customer_id", "")
    return Fact(
        event_id=event.event_id,
        order_id=event.key,
        version=event.version,
        name=event.type.rsplit(".", 1)[-1],
        time=event.time,
        reason=getattr(message, "reason", ""),
        customer_id=UUID(customer_id) if customer_id else None,
    )


def to_payload(order: Order, fact: Fact) -> str:
    """The body of the message about a fact, made once: an attempt signs and sends these very characters."""
    time = fact.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    data = {"order_id": str(order.order_id), "version": order.version, "state": order.state, "time": time}
    if fact.reason:
        data["reason"] = fact.reason
    return json.dumps(
        {"type": EVENT_TYPES[fact.name], "timestamp": time, "data": data}, separators=(",", ":")
    )


def new_secret() -> Secret:
    """A secret of Standard Webhooks' form."""
    text = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    return Secret(new_id(), f"whsec_{text}")


def to_create(request: pb.CreateWebhookEndpointRequest, account_id: UUID) -> CreateEndpoint:
    """The command in a request."""
    endpoint = Endpoint(new_id(), account_id, request.url, tuple(request.event_types))
    return CreateEndpoint(request_key(account_id, request), endpoint, new_secret())


def to_rotate(request: pb.RotateWebhookSecretRequest, account_id: UUID) -> RotateSecret:
    """The command in a request."""
    key = request_key(account_id, request)
    return RotateSecret(key, UUID(request.endpoint_id), account_id, new_secret())


def to_verify(request: pb.VerifyWebhookEndpointRequest, account_id: UUID, most: float) -> VerifyEndpoint:
    """The command in a request; the answer is waited for as long as the caller waits, and no longer."""
    return VerifyEndpoint(
        key=request_key(account_id, request),
        endpoint_id=UUID(request.endpoint_id),
        account_id=account_id,
        message_id=new_id(),
        challenge=secrets.token_urlsafe(SECRET_BYTES),
        seconds=max(0.0, call.remaining(most + TO_ANSWER_SECONDS) - TO_ANSWER_SECONDS),
    )


def to_redeliver(request: pb.RedeliverWebhookRequest, account_id: UUID) -> Redeliver:
    """The command in a request."""
    key = request_key(account_id, request)
    return Redeliver(key, UUID(request.endpoint_id), account_id, UUID(request.delivery_id))


def to_position(token: str, scope: str) -> Position | None:
    """Where a page starts; None at the beginning."""
    cursor = pages.decode(token, scope, parts=2)
    if not cursor:
        return None
    try:
        position = Position(datetime.fromisoformat(cursor[0]), UUID(cursor[1]))
    except ValueError as error:
        raise pages.invalid() from error
    if position.create_time.tzinfo is None:
        raise pages.invalid()
    return position


def from_endpoints(found: list[Endpoint], size: int, scope: str) -> pb.ListWebhookEndpointsResponse:
    """A page on the wire; one more than its size says that another page follows."""
    answer = pb.ListWebhookEndpointsResponse(endpoints=[from_endpoint(each) for each in found[:size]])
    if len(found) > size:
        answer.next_page_token = _token(found[size - 1].create_time, found[size - 1].endpoint_id, scope)
    return answer


def from_deliveries(found: list[Delivery], size: int, scope: str) -> pb.ListWebhookDeliveriesResponse:
    """A page on the wire; one more than its size says that another page follows."""
    answer = pb.ListWebhookDeliveriesResponse(deliveries=[from_delivery(each) for each in found[:size]])
    if len(found) > size:
        answer.next_page_token = _token(found[size - 1].create_time, found[size - 1].delivery_id, scope)
    return answer


def _token(create_time: datetime | None, identity: UUID, scope: str) -> str:
    return pages.encode([create_time.isoformat() if create_time else "", str(identity)], scope)


def from_endpoint(endpoint: Endpoint) -> webhooks_pb2.WebhookEndpoint:
    """The endpoint on the wire."""
    message = webhooks_pb2.WebhookEndpoint(
        endpoint_id=str(endpoint.endpoint_id),
        url=endpoint.url,
        event_types=endpoint.event_types,
        state=webhooks_pb2.WebhookEndpointState.Value(f"WEBHOOK_ENDPOINT_STATE_{endpoint.state}"),
        disable_reason=endpoint.disable_reason,
        failure_reason=endpoint.failure_reason,
    )
    if endpoint.create_time is not None:
        message.create_time.FromDatetime(endpoint.create_time)
    if endpoint.verify_time is not None:
        message.verify_time.FromDatetime(endpoint.verify_time)
    if endpoint.failure_time is not None:
        message.failure_time.FromDatetime(endpoint.failure_time)
    return message


def from_delivery(delivery: Delivery) -> webhooks_pb2.WebhookDelivery:
    """The delivery on the wire."""
    message = webhooks_pb2.WebhookDelivery(
        delivery_id=str(delivery.delivery_id),
        endpoint_id=str(delivery.endpoint_id),
        event_id=str(delivery.event_id),
        event_type=delivery.event_type,
        order_id=str(delivery.order_id),
        version=delivery.version,
        state=webhooks_pb2.WebhookDeliveryState.Value(f"WEBHOOK_DELIVERY_STATE_{delivery.state}"),
        attempts=delivery.attempts,
        last_status_code=delivery.last_status_code,
        last_failure_reason=delivery.last_failure_reason,
    )
    if delivery.create_time is not None:
        message.create_time.FromDatetime(delivery.create_time)
    if delivery.next_attempt_time is not None:
        message.next_attempt_time.FromDatetime(delivery.next_attempt_time)
    if delivery.settle_time is not None:
        message.settle_time.FromDatetime(delivery.settle_time)
    return message
