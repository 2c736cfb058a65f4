"""`make audit`: reads every service's own records and the processor's ledger, and proves the invariants.

The databases are read one after the other while the suite runs, so what looks wrong once may only have
moved between two reads: a violation counts if it is still there in a second reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import asyncpg
import typer

from ops.audit_rules import Findings, Records, Row
from ops.audit_rules import audit as judge
from ops.errors import SuiteError
from ops.suite import Suite

ORDERS = """select o.*, j.step, extract(epoch from clock_timestamp() - o.create_time)::float8 as age
              from orders o left join journal j using (order_id)"""
PAYMENTS = """select order_id, state, amount_minor, cancel_requested,
                     extract(epoch from clock_timestamp() - create_time)::float8 as age from payments"""
SHOWN = 20
AGAIN_SECONDS = 1.0


def audit(suite: Annotated[str, typer.Option(envvar="SUITE")] = "main") -> None:
    """Exit code 1 and the list of what is wrong, if anything is."""
    running = Suite.load(suite)
    running.require_running()
    found = asyncio.run(findings(running))
    counted = ", ".join(f"{count} {state}" for state, count in sorted(found.counts.items())) or "no orders"
    typer.echo(f"audited {sum(found.counts.values())} orders: {counted}")
    for order_id, age, where in found.open[:SHOWN]:
        typer.echo(f"  open {order_id} for {age:.0f} s: {where}")
    if len(found.open) > SHOWN:
        typer.echo(f"  … and {len(found.open) - SHOWN} more open")
    for violation in found.violations:
        typer.echo(f"  WRONG {violation}")
    if found.violations:
        raise typer.Exit(1)
    typer.echo("money and stock add up")


async def findings(suite: Suite) -> Findings:
    """What is wrong in two readings, and what is open."""
    found = judge(await _read(suite))
    if found.violations:
        await asyncio.sleep(AGAIN_SECONDS)
        again = judge(await _read(suite))
        still = [violation for violation in again.violations if violation in found.violations]
        found = Findings(still, again.open, again.counts)
    return found


async def _read(suite: Suite) -> Records:
    """Every table once; one transaction a database, orders first, for the others only move ahead of them."""
    orders, history = await _tables(suite, "orders", ORDERS, "select * from order_history")
    (payments,) = await _tables(suite, "payments", PAYMENTS)
    charges, entries = await _tables(suite, "processor", "select * from charges", "select * from entries")
    reservations, stock = await _tables(
        suite, "inventory", "select * from reservations", "select * from stock"
    )
    (notifications,) = await _tables(suite, "notifications", "select order_id, kind from notifications")
    return Records(orders, history, payments, charges, entries, reservations, stock, notifications)


async def _tables(suite: Suite, database: str, *queries: str) -> list[Sequence[Row]]:
    try:
        connection = await asyncpg.connect(suite.database_url(database))
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return [[dict(row) for row in await connection.fetch(query)] for query in queries]
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise SuiteError(f"cannot read the records of {database} ({error}); see `make status`") from error
