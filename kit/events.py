"""Domain events on the wire: CloudEvents in Kafka's binary mode, with Protobuf values.

The attributes are Kafka headers (`ce_…`), the value is the bytes of the event's message, the key is the id
of its aggregate. `docs/wire.md` has the rules that a service in any language must honour.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.message import Message

CONTENT_TYPE = "application/protobuf"
SPEC_VERSION = "1.0"
MAX_VALUE_BYTES = 256 * 1024
RECORD_TOO_LARGE = "RECORD_TOO_LARGE"
"""The reason of a record that no broker takes, today or later."""

_TYPE = re.compile(r"^(?P<family>[a-z_.]+)\.v(?P<major>\d+)\.[A-Z]\w*$")


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


@dataclass(frozen=True)
class Record:
    """One record of a topic as it came: where it stood, and its bytes."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)


class RecordUnusable(ValueError):
    """A record that is no event of ours; `reason` is one of the catalogue in docs/wire.md."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


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


def from_record(record: Record) -> Event:
    """The event in a record; its value is not decoded yet. Raises RecordUnusable."""
    if not record.value:
        raise RecordUnusable("MALFORMED", "the record has no value")
    if len(record.value) > MAX_VALUE_BYTES:
        raise RecordUnusable("MALFORMED", f"the value has more than {MAX_VALUE_BYTES} bytes")
    event = _envelope(record, record.value)
    _check_type(event)
    return event


def _envelope(record: Record, value: bytes) -> Event:
    text = {name: raw.decode("utf-8", "replace") for name, raw in record.headers if raw is not None}
    try:
        if text["ce_specversion"] != SPEC_VERSION or text["content-type"] != CONTENT_TYPE:
            raise RecordUnusable("ENVELOPE_INVALID", "ce_specversion or content-type is not ours")
        subject, time = uuid.UUID(text["ce_subject"]), datetime.fromisoformat(text["ce_time"])
        if time.tzinfo is None:
            raise RecordUnusable("ENVELOPE_INVALID", "ce_time has no time zone")
        if record.key is None or record.key.decode("utf-8", "replace") != str(subject):
            raise RecordUnusable("ENVELOPE_INVALID", "the key is not ce_subject")
        return Event(
            event_id=uuid.UUID(text["ce_id"]),
            topic=record.topic,
            key=subject,
            version=int(text["ce_aggregateversion"]),
            type=text["ce_type"],
            coordination=text["ce_coordination"],
            traceparent=text.get("traceparent", ""),
            time=time,
            payload=value,
        )
    except KeyError as error:
        raise RecordUnusable("ENVELOPE_INVALID", f"header {error.args[0]} is missing") from error
    except RecordUnusable:
        raise
    except ValueError as error:
        raise RecordUnusable("ENVELOPE_INVALID", "a header is not of its form") from error


def _check_type(event: Event) -> None:
    """A topic is named after the proto package whose events it carries."""
    found, expected = _TYPE.match(event.type), _TYPE.match(f"{event.topic}.X")
    if found is None or (expected is not None and found["family"] != expected["family"]):
        raise RecordUnusable("WRONG_TYPE", f"no event of the topic {event.topic}")
    if expected is not None and int(found["major"]) > int(expected["major"]):
        raise RecordUnusable("VERSION_TOO_NEW", "the event's major version is newer than this code")
    if expected is not None and found["major"] != expected["major"]:
        raise RecordUnusable("WRONG_TYPE", f"no event of the topic {event.topic}")


def type_of(message: type[Message] | Message) -> str:
    """The `ce_type` of an event message: its full name."""
    return str(message.DESCRIPTOR.full_name)
