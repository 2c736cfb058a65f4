"""Workflows to start and signals to give, as rows of the transaction that calls for them."""

from datetime import timedelta
from uuid import UUID

from kit import telemetry
from kit.database import Connection

LEFT_BEHIND = timedelta(seconds=1)
"""What is unsent for so long was left by whoever wrote it."""


class Orchestrations:
    """The rows of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, order_id: UUID, payment_token: str) -> None:
        """A workflow is to be started for this order."""
        await self._connection.execute(
            "insert into orchestrations (order_id, payment_token, traceparent) values ($1, $2, $3)",
            order_id,
            payment_token,
            telemetry.traceparent(),
        )

    async def payment_token(self, order_id: UUID) -> str | None:
        """The means of payment of an orchestrated order."""
        found: str | None = await self._connection.fetchval(
            "select payment_token from orchestrations where order_id = $1", order_id
        )
        return found

    async def traceparent(self, order_id: UUID) -> str:
        """The trace of the request that placed it."""
        found = await self._connection.fetchval(
            "select traceparent from orchestrations where order_id = $1", order_id
        )
        return str(found or "")

    async def started(self, order_id: UUID) -> None:
        """Its workflow runs, or ran."""
        await self._connection.execute(
            """update orchestrations set start_time = clock_timestamp()
                where order_id = $1 and start_time is null""",
            order_id,
        )

    async def has_started(self, order_id: UUID) -> bool:
        """Whether it is known that its workflow runs, or ran."""
        return bool(
            await self._connection.fetchval(
                "select start_time is not null from orchestrations where order_id = $1", order_id
            )
        )

    async def refused(self, order_id: UUID, why: str) -> None:
        """It will never be started as it is; a person has to look."""
        await self._connection.execute(
            "update orchestrations set refused = $2 where order_id = $1", order_id, why
        )

    async def to_start(self, limit: int) -> list[UUID]:
        """Orders whose workflow was not started in time."""
        rows = await self._connection.fetch(
            """select order_id from orchestrations
                where start_time is null and refused = '' and create_time < clock_timestamp() - $1::interval
                order by create_time limit $2""",
            LEFT_BEHIND,
            limit,
        )
        return [row["order_id"] for row in rows]

    async def add_signal(self, order_id: UUID, name: str, reason: str) -> None:
        """The workflow of an orchestrated order is to hear something: `cancel` or `delivered`."""
        await self._connection.execute(
            "insert into signals (order_id, name, reason) values ($1, $2, $3)", order_id, name, reason
        )

    async def signals(self, order_id: UUID) -> list[tuple[UUID, str, str]]:
        """(id, name, reason) of what this order's workflow has not heard yet."""
        rows = await self._connection.fetch(
            """select signal_id, name, reason from signals where order_id = $1 and send_time is null
                order by create_time""",
            order_id,
        )
        return [(row["signal_id"], row["name"], row["reason"]) for row in rows]

    async def signal_sent(self, signal_id: UUID) -> None:
        """The workflow has heard it, or has ended."""
        await self._connection.execute(
            "update signals set send_time = clock_timestamp() where signal_id = $1", signal_id
        )

    async def to_signal(self, limit: int) -> list[UUID]:
        """Orders whose started workflow was not told in time."""
        rows = await self._connection.fetch(
            """select distinct s.order_id from signals s join orchestrations o using (order_id)
                where s.send_time is null and s.create_time < clock_timestamp() - $1::interval
                  and o.start_time is not null limit $2""",
            LEFT_BEHIND,
            limit,
        )
        return [row["order_id"] for row in rows]
