"""A database and a role of its own for every service, and their migrations and demo seeds.

A role opens its own database and no other: CONNECT is taken from everybody else.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import asyncpg

from ops import topology
from ops.errors import SuiteError
from ops.site import Site

MIGRATION_SECONDS = 60


async def provision(site: Site, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Create the missing roles and databases; harmless when repeated. `more`: databases beside those of the
    services, with the role that owns each.
    """
    owners = {name: name for name in topology.SERVICES} | dict(more)
    connection = await asyncpg.connect(site.admin_database_url, ssl=False)
    try:
        roles = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        databases = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        if missing := sorted(set(owners.values()) - roles):
            await connection.execute(";".join(create_role(site, name) for name in missing))
        for name in [name for name in owners if name not in databases]:
            # alone, since a database cannot be created in a transaction or together with other statements
            await connection.execute(f'CREATE DATABASE "{name}" OWNER "{owners[name]}"')
        for name in ("postgres", "template1", *owners):
            await connection.execute(f'REVOKE CONNECT, TEMPORARY ON DATABASE "{name}" FROM PUBLIC')
    finally:
        await connection.close()


def create_role(site: Site, name: str) -> str:
    """The statement for one role. Names are ours; the password has no character that needs escaping."""
    return f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{site.passwords[name]}'"


def migrate(site: Site, name: str) -> None:
    """Bring one service's database to today's schema, then add its demo seeds; as the service's role."""
    folder = Path(topology.FOLDERS[name])
    for directory, table in (("migrations", "schema_migrations"), ("seeds", "seeds")):
        # dbmate takes an empty folder for a mistake
        if any((site.root / folder / directory).glob("*.sql")):
            _dbmate(site, name, folder / directory, table)


def _dbmate(site: Site, name: str, folder: Path, table: str) -> None:
    # the folder is relative to the checkout, for dbmate splits it at commas
    command = [
        str(site.programs.dbmate), "--migrations-dir", str(folder), "--migrations-table", table,
        "--no-dump-schema", "--wait", "--wait-timeout", "10s",
        # not `up`, which would look into the database "postgres", closed to this role
        "migrate",
    ]  # fmt: skip
    # by the environment, for a command line can be read by every user of the machine
    environment = {"DATABASE_URL": f"{site.database_url(name)}?sslmode=disable", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command,
        cwd=site.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=MIGRATION_SECONDS,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise SuiteError(f"a migration of {name} in {folder} failed:\n{tail}")
