"""Counts what some orders have left behind: their events in the outboxes, their workflows' histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from ops import event_parts, workflow_reading
from ops.audit_workflows import Workflows
from ops.errors import SuiteError
from ops.suite import Suite

EVENTS = "select count(*) from outbox where key = any($1::uuid[])"


@dataclass(frozen=True)
class Counts:
    """Per order. `history` is None if Temporal could not be asked."""

    events: float
    history: float | None


async def count(suite: Suite, order_ids: Sequence[str]) -> Counts:
    """Of finished orders, at least one. Raises SuiteError if a database cannot be read."""
    seen = await workflow_reading.asked_again(suite, order_ids, Workflows())
    history = None if seen.unseen else sum(run.events for run in seen.runs.values()) / len(order_ids)
    keys = [UUID(order_id) for order_id in order_ids]
    events = 0
    for service in event_parts.names():
        events += await _events(suite, service, keys)
    return Counts(events / len(order_ids), history)


async def _events(suite: Suite, service: str, keys: Sequence[UUID]) -> int:
    try:
        connection = await asyncpg.connect(suite.database_url(service))
        try:
            if await connection.fetchval("select to_regclass('outbox')") is None:
                return 0  # a consumer that publishes nothing
            return int(await connection.fetchval(EVENTS, keys))
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise SuiteError(f"cannot read the events of {service} ({error}); see `make status`") from error
