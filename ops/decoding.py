"""Records of the topics in a person's words: decoded by `ce_type`, without what nobody may see.

A field with `debug_redact` is shown as `***`, wherever it stands. The bytes of a record that cannot be
decoded are never shown, for they may hold such a field.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from kit.events import Event, Record, RecordUnusable, from_record
from ops.reflection import generated_modules

REDACTED = "***"
SHOWN_ITEMS = 3
SHOWN_CHARACTERS = 240
NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Seen:
    """One record as it is shown: its envelope and fields, or the problem that hides them.

    `time` is the event's own, the broker's if the record has none that can be read.
    """

    record: Record
    time: datetime
    event: Event | None = None
    fields: dict[str, Any] | None = None
    problem: str = ""

    @property
    def place(self) -> str:
        """Where the record stands: topic[partition]@offset."""
        return f"{self.record.topic}[{self.record.partition}]@{self.record.offset}"

    @property
    def key(self) -> str:
        """The record's key as text; "-" if it has none."""
        return "-" if self.record.key is None else printable(self.record.key)

    @property
    def service(self) -> str:
        """Whose topic it is: `orders` of `ordermesh.orders.v1`."""
        return self.record.topic.split(".")[1] if self.record.topic.count(".") else self.record.topic

    @property
    def type(self) -> str:
        """The last part of what `ce_type` says; "" if there is none, checked or not."""
        given = dict(self.record.headers).get("ce_type") or b""
        return printable(given).rpartition(".")[2]


@cache
def event_types() -> dict[str, Descriptor]:
    """The description of every event by its `ce_type`; messages that are only parts of events left out."""
    found: dict[str, Descriptor] = {}
    for name in generated_modules("events"):
        file: FileDescriptor = importlib.import_module(name).DESCRIPTOR
        messages = list(file.message_types_by_name.values())
        parts = {field.message_type for message in messages for field in message.fields}
        found |= {message.full_name: message for message in messages if message not in parts}
    return found


def see(record: Record, stored: datetime = NEVER) -> Seen:
    """Decode a record; `stored` is when the broker took it. Whatever its bytes are, this does not fail."""
    try:
        event = from_record(record)
    except RecordUnusable as error:
        return Seen(record, stored, problem=f"{error.reason}: {error}")
    time = event.time if event.time.tzinfo else event.time.replace(tzinfo=UTC)
    description = event_types().get(event.type)
    if description is None:
        return Seen(record, time, event, problem="WRONG_TYPE: no proto here describes this type")
    try:
        message = GetMessageClass(description).FromString(event.payload)
    except DecodeError:
        return Seen(record, time, event, problem=f"UNDECODABLE: the value is no {event.type}")
    return Seen(record, time, event, fields=tree(message))


def tree(message: Message) -> dict[str, Any]:
    """The fields that are set, by name, as plain values: text, numbers, lists, mappings."""
    return {field.name: _field(field, value) for field, value in message.ListFields()}


def _field(field: FieldDescriptor, value: Any) -> Any:
    if field.GetOptions().debug_redact:
        return REDACTED
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        of = entry.fields_by_name["value"]
        return {str(key): _value(of, each) for key, each in value.items()}
    return [_value(field, each) for each in value] if field.is_repeated else _value(field, value)


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        kind = field.message_type.full_name
        if kind == "google.type.Money":
            return f"{value.units}.{value.nanos // 10_000_000:02d} {value.currency_code}"
        return value.ToJsonString() if kind == "google.protobuf.Timestamp" else tree(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named is not None else value
    return f"{len(value)} bytes" if isinstance(value, bytes) else value


def line(seen: Seen) -> str:
    """One record on one line: time, order, service, type, version, coordination, fields in short."""
    about = f"{clock(seen.time)}  {seen.key:<36}  {seen.service:<13}"
    if seen.event is None or seen.fields is None:
        size = len(seen.record.value or b"")
        return printable(f"{about}  cannot be read ({seen.problem}) {seen.type} {seen.place}, {size} bytes")
    event = seen.event
    own = {name: value for name, value in seen.fields.items() if str(value) != str(event.key)}
    envelope = f"{seen.type:<26}  v{event.version:<3}  {event.coordination:<12}"
    return printable(f"{about}  {envelope}  {short(own)}").rstrip()


def as_json(seen: Seen) -> str:
    """One record as a JSON object on one line; `fields` is null and `problem` is set if it cannot be read."""
    event = seen.event
    return json.dumps(
        {
            "time": clock(seen.time),
            "topic": seen.record.topic,
            "partition": seen.record.partition,
            "offset": seen.record.offset,
            "key": seen.key,
            "type": seen.type,
            "event_id": str(event.event_id) if event else None,
            "version": event.version if event else None,
            "coordination": event.coordination if event else None,
            "fields": seen.fields,
            "problem": seen.problem or None,
        }
    )


def short(fields: dict[str, Any]) -> str:
    """Fields as `name=value`, the first few of a list, cut where a line gets too long to read."""
    text = " ".join(f"{name}={_short(value)}" for name, value in fields.items())
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + " ".join(f"{name}={_short(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        more = [f"… {len(value) - SHOWN_ITEMS} more"] if len(value) > SHOWN_ITEMS else []
        return "[" + ", ".join([*map(_short, value[:SHOWN_ITEMS]), *more]) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) and " " in value else str(value)


def clock(time: datetime) -> str:
    """A moment in UTC to the millisecond, as in `ce_time`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def printable(text: str | bytes) -> str:
    """Text that came from outside: what would steer a terminal is spelt out."""
    known = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in known
    )
