"""One PostgreSQL database: a pool, transactions, and whether the schema is the one the code knows.

Migrations are applied by `make up` (dbmate), never by a service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from kit.errors import Problem, unavailable

if TYPE_CHECKING:
    from asyncpg.pool import Pool, PoolConnectionProxy

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
"""A connection inside a transaction: `execute`, `fetch`, `fetchrow`, `fetchval`."""

MAX_CONNECTIONS = 10
IN_LINE = 6
ACQUIRE_SECONDS = 2.0
STATEMENT_SECONDS = 5.0

_GONE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.OperatorInterventionError,  # shutting down, starting up, statement cancelled
)
_CLASH = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


async def _keep(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Leave a returned connection as it is: nothing here sets session state, and asyncpg's own reset
    costs a round trip for every transaction.
    """


class SchemaMismatch(Exception):
    """The database's schema is not the one the code was written for."""


class Database:
    """A pool of connections that is opened lazily, so that a service starts before its database."""

    def __init__(self, url: str, migrations: Path) -> None:
        self._url = url
        self._migrations = migrations
        self._pool: Pool[asyncpg.Record] | None = None
        self._line = asyncio.Semaphore(IN_LINE)

    async def open(self) -> None:
        """Make the pool; connects when first used."""
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=MAX_CONNECTIONS,
            command_timeout=STATEMENT_SECONDS,
            timeout=ACQUIRE_SECONDS,
            reset=_keep,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction. Raises UNAVAILABLE when the database is away, ABORTED when it gave way."""
        async with self.statement() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def begun_with(self, first: str) -> AsyncIterator[tuple[Connection, str]]:
        """A transaction of an event, with the statement that it begins with, both in one round trip; and what
        the server said of that statement, such as `INSERT 0 1`. Errors as above.

        It waits its turn, however long, for one of a part of the connections: events come by the hundred
        after an outage, and must not take the connections of requests.
        """
        async with self._line, self.statement() as connection:
            try:
                # asyncpg's own transactions begin by a round trip, one of the seven that an event takes
                yield connection, await connection.execute(f"begin; {first}")
            except BaseException:
                await connection.execute("rollback")
                raise
            await connection.execute("commit")

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Connection]:
        """A connection for one statement, which is a transaction by itself. Errors as above."""
        try:
            async with self._acquired() as connection:
                yield connection
        except _CLASH as error:
            raise Problem("conflict", "VERSION_CONFLICT", "a concurrent change won; try again") from error
        except _GONE as error:
            raise unavailable("database", "the database does not answer; try again") from error

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        if self._pool is None:
            raise RuntimeError("open() comes first")
        connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    async def check(self) -> None:
        """Prove that the database answers and has our schema; raises a Problem or SchemaMismatch."""
        ours = {path.name.split("_")[0] for path in self._migrations.glob("*.sql")}
        try:
            async with self.statement() as connection:
                rows = await connection.fetch("select version from schema_migrations")
        except asyncpg.UndefinedTableError:
            rows = []
        theirs = {row["version"] for row in rows}
        if missing := sorted(ours - theirs):
            raise SchemaMismatch(f"the schema is older than the code (missing {missing}): run `make up`")
        if unknown := sorted(theirs - ours):
            raise SchemaMismatch(f"the schema is newer than the code (unknown {unknown}): update the code")
