"""Records of orders' topic for the tests: one as its outbox sends it, and what is wrong with others."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from google.protobuf.message import Message
from google.type.money_pb2 import Money

from kit.events import Event, Record, headers, type_of
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from ordermesh.orders.v1.orders_pb2 import OrderLine

ORDER = uuid.UUID("6f8f57d0-5d1c-4e0b-9d57-0c3f2b8b1a11")
TIME = datetime(2026, 11, 24, 9, 30, 0, 123_456, tzinfo=UTC)
PRICE = Money(currency_code="EUR", units=12, nanos=500_000_000)
PLACED = OrderPlaced(
    order_id=str(ORDER),
    customer_id="b5f6a0b2-3f57-4d1c-8a4e-7a4f2f9d6c22",
    lines=[OrderLine(sku="MUG-BLUE", title="Harbour Mug", quantity=2, unit_price=PRICE)],
    total=PRICE,
    payment_token="tok_secret",
)
SECRET_BYTES = b"\xff\xfftok_secret"


def record(message: Message, payload: bytes | None = None, **changed: bytes | None) -> Record:
    """A record of orders' topic as its outbox would send it, some headers changed or, with None, left out."""
    topic = ".".join(type_of(message).split(".")[:3])
    value = message.SerializeToString() if payload is None else payload
    event = Event(ORDER, topic, ORDER, 1, type_of(message), "CHOREOGRAPHY", "", TIME, value)
    given: dict[str, bytes | None] = {**dict(headers(event)), **changed}
    kept = tuple((name, text) for name, text in given.items() if text is not None)
    return Record(topic, 2, 17, str(ORDER).encode(), value, kept)
