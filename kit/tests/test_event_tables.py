"""Every service that has to do with events has the same three tables, which kit's own tests work on."""

from pathlib import Path
from typing import Any

import pytest

from kit.testing.events import TABLES
from kit.testing.postgres import scratch_database

pytestmark = pytest.mark.postgres
SERVICES = Path(__file__).resolve().parents[2] / "services"
NAMES = ["outbox", "inbox", "dead_letters"]
SHAPE = {
    "columns": """select table_name, column_name, data_type, udt_name, is_nullable, column_default
                    from information_schema.columns where table_name = any($1)
                   order by table_name, column_name""",
    "indexes": "select indexdef from pg_indexes where tablename = any($1) order by indexname",
    "constraints": """select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
                       where conrelid::regclass::text = any($1) order by 1, 2""",
}


async def shape(migrations: Path, tables: list[str] = NAMES) -> dict[str, list[tuple[Any, ...]]]:
    """What the migrations make of these tables."""
    async with scratch_database(migrations) as database, database.statement() as connection:
        return {name: [tuple(row) for row in await connection.fetch(SHAPE[name], tables)] for name in SHAPE}


@pytest.mark.parametrize("service", ["orders", "inventory", "payments", "notifications"])
async def test_a_service_has_exactly_the_tables_of_events(service: str, tmp_path: Path) -> None:
    (tmp_path / "1_events.sql").write_text(TABLES)
    expected = await shape(tmp_path)
    assert {row[0] for row in expected["columns"]} == set(NAMES)
    assert await shape(SERVICES / service / "migrations") == expected


async def test_a_service_that_hears_no_events_has_exactly_the_outbox(tmp_path: Path) -> None:
    (tmp_path / "1_events.sql").write_text(TABLES)
    expected = await shape(tmp_path, ["outbox"])
    assert {row[0] for row in expected["columns"]} == {"outbox"}
    assert await shape(SERVICES / "shipping" / "migrations") == expected
