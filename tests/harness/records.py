"""Reads a service's own records, as its auditor does: what a test wants to know and no RPC tells."""

import asyncio
from typing import Any

import asyncpg

from ops.suite import Suite


def records(suite: Suite, service: str, query: str, *arguments: object) -> list[dict[str, Any]]:
    """The rows of one query on a service's database."""
    return asyncio.run(_rows(suite.database_url(service), query, arguments))


async def _rows(url: str, query: str, arguments: tuple[object, ...]) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()
