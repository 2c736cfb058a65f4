"""The database on a real PostgreSQL: which schema is taken, and what its absence looks like."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from kit import requests
from kit.database import Database, SchemaMismatch
from kit.errors import Problem
from kit.requests import RequestKey
from kit.testing.postgres import scratch_database

pytestmark = pytest.mark.postgres
TABLES = """-- migrate:up
create table requests (
    subject text, method text, request_id uuid, fingerprint bytea not null, answer text not null,
    create_time timestamptz not null default now(), primary key (subject, method, request_id));
create table pots (name text primary key);
-- migrate:down
"""
KEY = RequestKey("ada", "Brew", UUID(int=1), b"a pot of tea")


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    (tmp_path / "1_pots.sql").write_text(TABLES)
    return tmp_path


@pytest.fixture
async def database(migrations: Path) -> AsyncIterator[Database]:
    async with scratch_database(migrations) as made:
        yield made


async def test_the_schema_of_the_code_is_taken(database: Database) -> None:
    await database.check()


async def test_an_older_schema_is_refused_with_the_way_out(database: Database, migrations: Path) -> None:
    (migrations / "2_cups.sql").write_text("-- migrate:up\n-- migrate:down\n")
    with pytest.raises(SchemaMismatch, match=r"older than the code .*'2'.*make up"):
        await database.check()


async def test_a_newer_schema_is_refused(database: Database, migrations: Path) -> None:
    (migrations / "1_pots.sql").unlink()
    with pytest.raises(SchemaMismatch, match="newer than the code"):
        await database.check()


async def test_what_fails_is_rolled_back(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as connection:
            await connection.execute("insert into pots values ('blue')")
            raise RuntimeError("the pot is broken")
    async with database.statement() as connection:
        assert await connection.fetchval("select count(*) from pots") == 0


async def test_a_database_that_is_not_there_is_unavailable(migrations: Path) -> None:
    absent = Database("postgresql://tea:secret@127.0.0.1:1/tea", migrations)
    await absent.open()
    with pytest.raises(Problem) as caught:
        await absent.check()
    await absent.close()
    assert (caught.value.kind, caught.value.details) == ("unavailable", {"dependency": "database"})
    assert "secret" not in str(caught.value)


async def test_a_connection_that_is_cut_is_unavailable_and_the_next_one_works(database: Database) -> None:
    with pytest.raises(Problem) as caught:
        async with database.transaction() as connection:
            await connection.fetchval("select pg_terminate_backend(pg_backend_pid())")
    assert caught.value.kind == "unavailable"
    async with database.statement() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_two_that_lock_crosswise_end_with_one_that_may_try_again(database: Database) -> None:
    async with database.statement() as connection:
        await connection.execute("insert into pots values ('blue'), ('red')")
    both_hold = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> str:
        try:
            async with database.transaction() as connection:
                await connection.execute("select from pots where name = $1 for update", first)
                await both_hold.wait()
                await connection.execute("select from pots where name = $1 for update", second)
        except Problem as problem:
            return problem.reason
        return "done"

    ends = await asyncio.gather(lock("blue", "red"), lock("red", "blue"))
    assert sorted(ends) == ["VERSION_CONFLICT", "done"]


async def test_a_request_that_comes_twice_at_once_is_claimed_once(database: Database) -> None:
    async def claim(answer: str) -> str | None:
        async with database.transaction() as connection:
            return await requests.claim(connection, KEY, answer)

    answers = await asyncio.gather(*(claim(f"pot {number}") for number in range(5)))
    assert answers.count(None) == 1
    (first,) = {answer for answer in answers if answer is not None}
    assert first.startswith("pot ")
