"""What everybody can read of dead letters on `<topic>.dlq`: the record as it came, the cause in headers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from kit.errors import Problem
from kit.events import RECORD_TOO_LARGE, Record


@dataclass(frozen=True)
class Cause:
    """Why a record was set aside: a reason in UPPER_SNAKE, a text without secrets, how often it was tried."""

    reason: str
    error: str
    attempts: int


class Sender(Protocol):
    """Where records go."""

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, with_headers: list[tuple[str, bytes]]
    ) -> None:
        """Return when it is there; raises a Problem otherwise."""


def id_of(consumer: str, record: Record) -> uuid.UUID:
    """The identity of a dead letter, the same whoever sets the record aside, and whenever."""
    where = f"{consumer}:{record.topic}:{record.partition}:{record.offset}"
    return uuid.uuid5(uuid.NAMESPACE_URL, f"ordermesh:{where}")


async def tell(sender: Sender, consumer: str, record: Record, cause: Cause) -> None:
    """For everybody who reads the dead letter topic; the record as it came, with the cause in headers."""
    about = {
        "dlq-id": str(id_of(consumer, record)),
        "dlq-consumer": consumer,
        "dlq-reason": cause.reason,
        "dlq-error": cause.error,
        "dlq-topic": record.topic,
        "dlq-partition": str(record.partition),
        "dlq-offset": str(record.offset),
        "dlq-attempts": str(cause.attempts),
        "dlq-first-seen": datetime.now(UTC).isoformat(),
    }
    added = [(name, text.encode()) for name, text in about.items()]
    topic = f"{record.topic}.dlq"
    try:
        await sender.send(topic, record.key, record.value, [*record.headers, *added])
    except Problem as problem:
        if problem.reason != RECORD_TOO_LARGE:
            raise
        # it was as large as a record may be, before this was added
        left_out = ("dlq-left-out", b"key, headers and value; ListDeadLetters has them")
        await sender.send(topic, None, None, [*added, left_out])
