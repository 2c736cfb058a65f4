"""A database of its own for one test, with a service's real migrations, on a real PostgreSQL.

`ORDERMESH_TEST_POSTGRES` holds the URL of a role that may create databases; `make test` sets it.
"""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from kit.database import Database

VARIABLE = "ORDERMESH_TEST_POSTGRES"


@asynccontextmanager
async def scratch_database(migrations: Path) -> AsyncIterator[Database]:
    """Make a database, migrate it, open it, and drop it in the end."""
    async with scratch_url(migrations) as url:
        database = Database(url, migrations)
        await database.open()
        try:
            yield database
        finally:
            await database.close()


@asynccontextmanager
async def scratch_url(migrations: Path) -> AsyncIterator[str]:
    """Make a database, migrate it, and drop it in the end; for a whole service, which opens it itself."""
    admin_url = os.environ.get(VARIABLE)
    if admin_url is None:
        raise RuntimeError(f"{VARIABLE} is not set: run `make test`")
    name = f"test_{uuid.uuid4().hex}"
    url = admin_url.rsplit("/", 1)[0] + f"/{name}"
    admin = await asyncpg.connect(admin_url)
    await admin.execute(f'create database "{name}"')
    try:
        connection = await asyncpg.connect(url)
        await connection.execute(_schema(migrations))
        await connection.close()
        yield url
    finally:
        await admin.execute(f'drop database "{name}" with (force)')
        await admin.close()


def _schema(migrations: Path) -> str:
    """The `up` parts of all migrations, as dbmate would run them, and its own record of them."""
    files = sorted(migrations.glob("*.sql"))
    ups = [file.read_text().split("-- migrate:up", 1)[1].split("-- migrate:down", 1)[0] for file in files]
    versions = ", ".join(f"('{file.name.split('_')[0]}')" for file in files)
    record = "create table schema_migrations (version text primary key)"
    return "\n".join([*ups, f"{record}; insert into schema_migrations values {versions};"])
