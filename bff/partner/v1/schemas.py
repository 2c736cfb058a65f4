"""What v1 takes and shows. Amounts are whole cents, times are RFC 3339 in UTC, states are words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

T = TypeVar("T")

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9-]{1,39}$")]
EventType = Literal[
    "order.placed",
    "order.cancellation_requested",
    "order.confirmed",
    "order.cancelled",
    "order.awaiting_approval",
    "order.approved",
    "order.shipped",
    "order.delivered",
]


class Sent(BaseModel):
    """What partners send is taken as it stands: no other fields, no texts for numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)


class LineToOrder(Sent):
    """One product to order."""

    sku: Sku
    quantity: int = Field(ge=1, le=1000)


class OrderToPlace(Sent):
    """An order to place."""

    lines: list[LineToOrder] = Field(min_length=1, max_length=100, description="Each sku once.")
    payment_token: str = Field(
        pattern=r"^tok_[a-z0-9_]{1,60}$", description="A reference to the means of payment."
    )


class WebhookToRegister(Sent):
    """Where to send events."""

    url: str = Field(
        min_length=1, pattern=r"^[!-~]+$", description="https, port 443 or 8443, a public address."
    )
    event_types: list[EventType] = Field(
        min_length=1, max_length=50, json_schema_extra={"uniqueItems": True}, description="Each once."
    )


class Product(BaseModel):
    """A product of the catalogue."""

    sku: str
    title: str
    description: str
    category: str
    price: int = Field(description="Of one, in cents.")
    currency: str
    updated_at: datetime | None


class Line(BaseModel):
    """One product of an order, at the price of its day."""

    sku: str
    title: str
    quantity: int
    unit_price: int = Field(description="In cents.")


class Order(BaseModel):
    """An order."""

    id: str
    state: str = Field(
        description="PENDING, AWAITING_APPROVAL, CONFIRMED, CANCELLED, SHIPPED, DELIVERED; there may be more."
    )
    version: int = Field(description="Counts the changes of the state, from 1.")
    reason: str | None = Field(description="Why it was cancelled.")
    cancel_requested: bool
    lines: list[Line]
    total: int = Field(description="In cents.")
    currency: str
    created_at: datetime | None
    updated_at: datetime | None


class OrderEvent(BaseModel):
    """One entry of an order's history."""

    version: int
    state: str
    reason: str | None
    cancel_requested: bool
    time: datetime | None


class History(BaseModel):
    """What happened to an order."""

    events: list[OrderEvent] = Field(description="Behind `after_version`, in order.")
    version: int = Field(description="The newest; ask for what comes behind it.")


class Webhook(BaseModel):
    """An endpoint that events are sent to."""

    id: str
    url: str
    event_types: list[str]
    state: str = Field(description="UNVERIFIED, ACTIVE or DISABLED.")
    disable_reason: str | None
    failure_reason: str | None = Field(description="What went wrong last.")
    failing_since: datetime | None
    created_at: datetime | None
    verified_at: datetime | None


class SecretWebhook(Webhook):
    """An endpoint with its secret, which is shown when it is made."""

    secret: str = Field(description="Messages are signed with it, by Standard Webhooks.")


class Delivery(BaseModel):
    """One event on its way to an endpoint."""

    id: str
    webhook_id: str
    event_id: str = Field(description="The header `webhook-id` of the message.")
    event_type: str
    order_id: str
    version: int
    state: str = Field(description="PENDING, SUCCEEDED or FAILED.")
    attempts: int
    status_code: int | None = Field(description="Of the last answer.")
    failure_reason: str | None
    created_at: datetime | None
    next_attempt_at: datetime | None
    settled_at: datetime | None


class Listed(BaseModel, Generic[T]):
    """A page."""

    data: list[T]
    next_cursor: str | None = Field(description="Ask with it for the next page; null at the end.")


SHOWN = (Product, Order, Webhook, SecretWebhook)
READ_ONLY = frozenset(name for kind in SHOWN for name in kind.model_fields)
"""Names that partners read and never send, where they do not stand in what is sent."""
