"""The card processor's tables: the charges, and the entries that say how money moved."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from kit.database import Connection, Database
from services.payments.processor.domain import Charge, ChargeNotFound, Decision, MoneyCharged, State

_COLUMNS = "key, state, amount_minor, currency_code, decline_code, payment_token"


class ProcessorTransaction:
    """One transaction on the processor database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def charge(self, key: str) -> Charge:
        """What the ledger has under a key, locked. Two first messages of a key meet at the row that the
        insert makes.
        """
        await self._connection.execute("insert into charges (key) values ($1) on conflict do nothing", key)
        row = await self._connection.fetchrow(
            f"select {_COLUMNS} from charges where key = $1 for update",  # noqa: S608 - our own columns
            key,
        )
        assert row is not None  # noqa: S101 - inserted above
        return _charge(row)

    async def attempt(self, key: str) -> tuple[Charge, int]:
        """Count one more try of a key; its charge, locked, and which try it is, from 1."""
        row = await self._connection.fetchrow(
            f"""insert into charges (key, attempts) values ($1, 1)
                on conflict (key) do update set attempts = charges.attempts + 1
                returning attempts, {_COLUMNS}""",  # noqa: S608 - our own columns
            key,
        )
        assert row is not None  # noqa: S101 - written above
        return _charge(row), row["attempts"]

    async def attempt_capture(self, key: str) -> tuple[Charge, int]:
        """The same for the tries to capture."""
        row = await self._connection.fetchrow(
            f"""insert into charges (key, capture_attempts) values ($1, 1)
                on conflict (key) do update set capture_attempts = charges.capture_attempts + 1
                returning capture_attempts, {_COLUMNS}""",  # noqa: S608 - our own columns
            key,
        )
        assert row is not None  # noqa: S101 - written above
        return _charge(row), row["capture_attempts"]

    async def record(self, decision: Decision) -> None:
        """Write the charge, and one entry for each movement of money."""
        charge = decision.charge
        await self._connection.execute(
            """update charges set state = $2, amount_minor = $3, currency_code = $4, decline_code = $5,
                      payment_token = $6, update_time = now() where key = $1 and state <> $2""",
            charge.key,
            charge.state,
            charge.amount_minor,
            charge.currency_code,
            charge.decline_code,
            charge.payment_token,
        )
        for fact in decision.facts:
            await self._connection.execute(
                "insert into entries (key, kind, amount_minor, currency_code) values ($1, $2, $3, $4)",
                fact.key,
                "CHARGE" if isinstance(fact, MoneyCharged) else "REFUND",
                fact.amount_minor,
                fact.currency_code,
            )

    async def read_charge(self, key: str) -> Charge:
        """What the ledger has under a key; one that was tried without effect is not in it."""
        row = await self._connection.fetchrow(
            f"select {_COLUMNS} from charges where key = $1 and state <> 'NONE'",  # noqa: S608 - as above
            key,
        )
        if row is None:
            raise ChargeNotFound("there is no charge under this key, which does not say that none will come")
        return _charge(row)


def _charge(row: asyncpg.Record) -> Charge:
    return Charge(
        key=row["key"],
        state=State(row["state"]),
        amount_minor=row["amount_minor"],
        currency_code=row["currency_code"],
        decline_code=row["decline_code"],
        payment_token=row["payment_token"],
    )


class ProcessorUnitOfWork:
    """Opens transactions on the processor database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[ProcessorTransaction]:
        """One transaction, committed when the block ends well."""
        async with self._database.transaction() as connection:
            yield ProcessorTransaction(connection)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[ProcessorTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield ProcessorTransaction(connection)
