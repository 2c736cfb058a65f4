"""Domain events on the wire: CloudEvents in Kafka's binary mode, with Protobuf values.

The attributes are Kafka headers (`ce_…`), the value is the bytes of the event's message, the key is the id
of its aggregate. `docs/wire.md` has the rules that a service in any language must honour.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.message import Message

CONTENT_TYPE = "application/protobuf"
SPEC_VERSION = "1.0"


@dataclass(frozen=True)
class Event:
    """One event: its identity, what it is about, and its bytes.

    `version` counts the events of one aggregate in one topic from 1. `coordination` says which pattern
    carries the saga, so that a consumer without a part in it skips before decoding.
    """

    event_id: uuid.UUID
    topic: str
    key: uuid.UUID
    version: int
    type: str
    coordination: str
    traceparent: str
    time: datetime
    payload: bytes = field(repr=False)


class EnvelopeInvalid(ValueError):
    """A record without the headers that every event has; the text names the first one that is wrong."""


def headers(event: Event) -> list[tuple[str, bytes]]:
    """The Kafka headers of an event."""
    text = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(event.event_id),
        "ce_type": event.type,
        "ce_source": f"/{event.topic}",
        "ce_subject": str(event.key),
        "ce_time": event.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce_aggregateversion": str(event.version),
        "ce_coordination": event.coordination,
        "content-type": CONTENT_TYPE,
    }
    if event.traceparent:
        text["traceparent"] = event.traceparent
    return [(name, value.encode()) for name, value in text.items()]


def from_record(topic: str, key: bytes | None, value: bytes, found: Iterable[tuple[str, bytes]]) -> Event:
    """The event in a record. Raises EnvelopeInvalid; the value is not decoded yet."""
    text = {name: raw.decode("utf-8", "replace") for name, raw in found if raw is not None}
    try:
        if text["ce_specversion"] != SPEC_VERSION or text["content-type"] != CONTENT_TYPE:
            raise EnvelopeInvalid("ce_specversion or content-type is not ours")
        subject = uuid.UUID(text["ce_subject"])
        if key is None or key.decode("utf-8", "replace") != str(subject):
            raise EnvelopeInvalid("the key is not ce_subject")
        return Event(
            event_id=uuid.UUID(text["ce_id"]),
            topic=topic,
            key=subject,
            version=int(text["ce_aggregateversion"]),
            type=text["ce_type"],
            coordination=text["ce_coordination"],
            traceparent=text.get("traceparent", ""),
            time=datetime.fromisoformat(text["ce_time"]),
            payload=value,
        )
    except KeyError as error:
        raise EnvelopeInvalid(f"header {error.args[0]} is missing") from error
    except EnvelopeInvalid:
        raise
    except ValueError as error:
        raise EnvelopeInvalid("a header is not of its form") from error


def type_of(message: Message) -> str:
    """The `ce_type` of an event message: its full name."""
    return str(message.DESCRIPTOR.full_name)
