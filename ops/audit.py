"""`make audit`: reads every service's records, the processor's ledger, the topics and the workflows; proves
the invariants. What cannot be read is not proven: then the audit is not green.

The databases are read one after the other while the suite runs, so what looks wrong once may only have
moved between two reads: a violation counts if it is still there in a second reading.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

import typer

from ops import audit_reading
from ops.audit_records import Findings
from ops.audit_rules import audit as judge
from ops.suite import Suite

SHOWN = 20
AGAIN_SECONDS = 1.0


def audit(suite: Annotated[str, typer.Option(envvar="SUITE")] = "main") -> None:
    """Exit code 1 and the list of what is wrong, if anything is."""
    running = Suite.load(suite)
    running.require_running()
    found = asyncio.run(findings(running))
    counted = ", ".join(f"{count} {state}" for state, count in sorted(found.counts.items())) or "no orders"
    typer.echo(
        f"audited {sum(found.counts.values())} orders: {counted}; {found.events} events, "
        f"{found.workflows} workflows"
    )
    for order_id, age, where in found.open[:SHOWN]:
        typer.echo(f"  open {order_id} for {age:.0f} s: {where}")
    if len(found.open) > SHOWN:
        typer.echo(f"  … and {len(found.open) - SHOWN} more open")
    for violation in found.violations:
        typer.echo(f"  WRONG {violation}")
    if found.unseen:
        typer.echo("nothing is proven: the workflows could not be looked at")
    if found.violations or found.unseen:
        raise typer.Exit(1)
    typer.echo("money, stock and events add up")


async def findings(suite: Suite) -> Findings:
    """What is wrong in two readings, and what is open."""
    found = judge(await audit_reading.read(suite))
    if found.violations:
        await asyncio.sleep(AGAIN_SECONDS)
        again = judge(await audit_reading.read(suite))
        still = [violation for violation in again.violations if violation in found.violations]
        found = replace(again, violations=still)
    return found
