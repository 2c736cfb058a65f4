"""The inbox: an event has its effect once per consumer, however often it is delivered.

The mark is written in the transaction of the effect. Each service that consumes has the table:

    create table inbox (
        consumer text not null, event_id uuid not null, create_time timestamptz not null default now(),
        primary key (consumer, event_id));
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.database import Connection


async def first_time(connection: Connection, consumer: str, event_id: uuid.UUID) -> bool:
    """True if this consumer has not had the event yet; a repeat at the same time waits for the first."""
    marked = await connection.fetchval(
        "insert into inbox (consumer, event_id) values ($1, $2) on conflict do nothing returning true",
        consumer,
        event_id,
    )
    return bool(marked)
