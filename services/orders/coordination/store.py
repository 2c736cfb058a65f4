"""The journal of the synchronous saga: one row an order, written by compare-and-set.

Leases run on the database's time, so that a machine with a wrong clock takes nothing from another.
"""

import json
from dataclasses import dataclass, field
from uuid import UUID

from kit.database import Connection
from services.orders.coordination.journal import Step


@dataclass(frozen=True)
class Entry:
    """One order's journal; `age` is the saga's age in seconds, `attempts` the sweeper's."""

    order_id: UUID
    step: Step
    version: int
    payment_token: str
    reason: str = ""
    details: dict[str, str] = field(default_factory=dict)
    attempts: int = 0
    age: float = 0.0


_COLUMNS = """order_id, step, version, payment_token, reason, details, attempts,
              extract(epoch from now() - create_time)::float8 as age"""


class Journal:
    """The journal's rows, inside a transaction of the orders database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, order_id: UUID, payment_token: str, lease: float) -> Entry:
        """Begin an order's journal; whoever opens it holds the lease."""
        await self._connection.execute(
            """insert into journal (order_id, step, version, payment_token, lease_until)
               values ($1, 'RESERVE', 1, $2, now() + make_interval(secs => $3))""",
            order_id,
            payment_token,
            lease,
        )
        return Entry(order_id, Step.RESERVE, 1, payment_token)

    async def read(self, order_id: UUID) -> Entry:
        """An order's journal."""
        row = await self._connection.fetchrow(
            f"select {_COLUMNS} from journal where order_id = $1",  # noqa: S608 - constant columns
            order_id,
        )
        return _entry(row)

    async def write(self, seen: Entry, to: Entry, lease: float) -> bool:
        """Compare-and-set: False when somebody else has written since `seen`."""
        tag = await self._connection.execute(
            """update journal set step = $3, reason = $4, details = $5, version = version + 1, attempts = 0,
                      lease_until = now() + make_interval(secs => $6), update_time = now()
                where order_id = $1 and version = $2""",
            seen.order_id,
            seen.version,
            to.step,
            to.reason,
            json.dumps(to.details),
            lease,
        )
        return tag == "UPDATE 1"

    async def postpone(self, seen: Entry, seconds: float) -> None:
        """Let the sweeper try this step again in so many seconds, unless somebody else has taken over."""
        await self._connection.execute(
            """update journal set lease_until = now() + make_interval(secs => $3)
                where order_id = $1 and version = $2""",
            seen.order_id,
            seen.version,
            seconds,
        )

    async def wake(self, order_id: UUID) -> None:
        """Let the sweeper look at an order now, if it is not done."""
        await self._connection.execute(
            """update journal set lease_until = least(lease_until, now())
                where order_id = $1 and step <> 'DONE'""",
            order_id,
        )

    async def take(self, limit: int, lease: float) -> list[Entry]:
        """Take over journals whose lease has run out; their former holders fail their next write."""
        rows = await self._connection.fetch(
            f"""update journal set lease_until = now() + make_interval(secs => $2), version = version + 1,
                      attempts = attempts + 1
                where order_id in (select order_id from journal where step <> 'DONE' and lease_until < now()
                                    order by lease_until limit $1 for update skip locked)
                returning {_COLUMNS}""",  # noqa: S608 - constant columns
            limit,
            lease,
        )
        return [_entry(row) for row in rows]


def _entry(row: object) -> Entry:
    values = dict(row)  # type: ignore[call-overload]
    values["step"] = Step(values["step"])
    values["details"] = json.loads(values["details"])
    return Entry(**values)
