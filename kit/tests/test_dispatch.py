"""What became of an event is counted, whichever way it went."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from kit.dispatch import Dispatcher, Reaction, Subscription
from kit.events import Event, Record, headers
from kit.inbox import AlreadyApplied, Stale
from ordermesh.orders.v1.orders_events_pb2 import OrderConfirmed

TOPIC = "ordermesh.orders.v1"
NO_DEAD_LETTERS: Any = None


@pytest.mark.parametrize(
    ("raised", "counted"), [(None, "applied"), (AlreadyApplied(), "repeated"), (Stale(), "stale")]
)
async def test_an_event_is_applied_repeated_or_stale(raised: Exception | None, counted: str) -> None:
    async def handler(event: Event, message: Any) -> None:
        if raised is not None:
            raise raised

    dispatcher = Dispatcher(
        Subscription("group", (TOPIC,), (Reaction(OrderConfirmed, handler),)), NO_DEAD_LETTERS
    )
    key = uuid.uuid4()
    event = Event(
        event_id=uuid.uuid4(), topic=TOPIC, key=key, version=1, type=f"{TOPIC}.OrderConfirmed",
        coordination="SYNC", traceparent="", time=datetime.now(UTC),
        payload=OrderConfirmed(order_id=str(key)).SerializeToString(),
    )  # fmt: skip
    await dispatcher.apply(Record(TOPIC, 0, 0, str(key).encode(), event.payload, tuple(headers(event))))
    assert dispatcher.counts == {counted: 1}
