"""Every service has a database and a role of its own, on a real PostgreSQL that the test starts."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from ops import databases, plans, probes, storage, topology
from ops.errors import SuiteError
from ops.site import Site
from ops.supervision import launcher

pytestmark = pytest.mark.postgres
FOLDER = Path(topology.FOLDERS["products"])


@pytest.fixture
async def postgres(site: Site) -> AsyncIterator[Site]:
    part = next(part for part in topology.server_parts(site) if part.name == "postgres")
    plans.write_plans(site, [part])
    await asyncio.to_thread(storage.prepare, site, "postgres")
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*launcher(site, "postgres"), cwd=site.root, stderr=quiet)
    try:
        assert await probes.wait_ready(site, part, 30, lambda: None) is None
        await databases.provision(site)
        yield site
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


def write_migration(folder: Path, name: str, sql: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"-- migrate:up\n{sql}\n-- migrate:down\n")


async def rows(site: Site, service: str, query: str) -> list[str]:
    connection = await asyncpg.connect(site.database_url(service))
    try:
        return [str(row[0]) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_a_role_opens_its_own_database_and_no_other(postgres: Site) -> None:
    assert await rows(postgres, "orders", "SELECT current_user") == ["orders"]
    own = postgres.database_url("orders").removesuffix("/orders")
    for other in ("users", "payments", "postgres", "template1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(f"{own}/{other}")


async def test_a_wrong_password_opens_nothing(postgres: Site) -> None:
    forged = replace(postgres, passwords={**postgres.passwords, "orders": "guessed"})
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(forged.database_url("orders"))


async def test_migrations_and_seeds_run_once_and_as_the_services_role(postgres: Site, tmp_path: Path) -> None:
    await databases.provision(postgres)  # repeated: nothing happens
    site = replace(postgres, root=tmp_path)
    write_migration(tmp_path / FOLDER / "migrations", "0001_names.sql", "CREATE TABLE names (name text);")
    write_migration(tmp_path / FOLDER / "seeds", "0001_demo.sql", "INSERT INTO names VALUES ('ada');")
    for _ in range(2):
        await asyncio.to_thread(databases.migrate, site, "products")
    assert await rows(site, "products", "SELECT name FROM names") == ["ada"]
    assert await rows(site, "products", "SELECT tableowner FROM pg_tables WHERE tablename = 'names'") == [
        "products"
    ]


async def test_a_broken_migration_is_named_with_its_folder(postgres: Site, tmp_path: Path) -> None:
    site = replace(postgres, root=tmp_path)
    write_migration(tmp_path / FOLDER / "migrations", "0001_broken.sql", "CREATE TABEL names ();")
    with pytest.raises(SuiteError, match=r"products in services/products/migrations(.|\n)*TABEL"):
        await asyncio.to_thread(databases.migrate, site, "products")
