"""`make load`: orders at a fixed rate, whether or not the ones before are answered (an open loop).

Arrivals are a Poisson process, the same in every run of one RATE, SECONDS and CARDS. A latency counts from
the moment an order was due, so a late generator is no help. What does not fit into the generator's own bound
of orders in flight is not placed, and counted. An order of a saga has two times: of its first answer
(accepted, or stock reserved) and of its completion. In the end every order must be final and the audit green.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Annotated

import typer

from ops import arguments, arrivals, audit, client, cpu, latency, placing, rest
from ops.audit_records import Findings
from ops.errors import SuiteError
from ops.open_loop import OpenLoop, times_to_final
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2

MODES = ("sync", "choreography", "orchestration")
USER = "ada"
SEED = 20261123
PATIENCE_SECONDS = 120.0
"""How long the end waits for open orders, and as long for events that are on their way."""
SHOWN = 20


def load(
    mode: Annotated[
        str,
        typer.Option(envvar="MODE", parser=arguments.one_of("MODE", MODES), help="Who carries the orders."),
    ] = "sync",
    rate: Annotated[
        float, typer.Option(envvar="RATE", parser=arguments.real("RATE", 0.1, 500), help="Orders a second.")
    ] = 20.0,
    seconds: Annotated[
        float, typer.Option(envvar="SECONDS", parser=arguments.real("SECONDS", 1, 600), help="How long.")
    ] = 30.0,
    cards: Annotated[
        str, typer.Option(envvar="CARDS", help="A mix: approved,approved,declined.")
    ] = "approved",
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Place orders at a rate and measure. Exit code 1 if the audit finds fault, or an order stays open."""
    due = arrivals.poisson(rate, seconds, arrivals.card_mix(cards), random.Random(SEED))  # noqa: S311 - no secret
    if not due:
        raise SuiteError(f"RATE={rate:g} for SECONDS={seconds:g} makes no order at all")
    running = Suite.load(suite)
    with client.edge(running) as channel:
        who = client.bearer(client.sign_in(channel, USER))
    coordination = orders_pb2.Coordination.Value(f"COORDINATION_{mode.upper()}")
    loop = OpenLoop(running.address("edge"), who, coordination)
    typer.echo(f"{len(due)} orders by {mode.upper()}, {rate:g}/s for {seconds:g} s, Poisson, cards {cards}")
    raise typer.Exit(0 if asyncio.run(_measure(running, loop, due)) else 1)


async def _measure(suite: Suite, loop: OpenLoop, due: list[arrivals.Arrival]) -> bool:
    """Run, wait for the end of everything, report; whether all is well."""
    async with loop:
        await loop.warm_up()
        await asyncio.to_thread(rest.settled, suite, PATIENCE_SECONDS)
        before = cpu.used(suite)
        await loop.run(due)
        typer.echo("\n".join(loop.report()))
        began = time.monotonic()
        still_open = await rest.open_orders(suite, PATIENCE_SECONDS)
        typer.echo(f"  {still_open} orders open {time.monotonic() - began:.1f} s after the last answer")
        for line in await asyncio.to_thread(rest.settled, suite, PATIENCE_SECONDS):
            typer.echo(line)
        spent = cpu.between(before, cpu.used(suite))
        await _tell_completion(loop)
    if loop.answered:
        typer.echo("\n".join(cpu.per_order(spent, loop.answered)))
    green = await audited(suite)
    return bool(loop.answered) and not still_open and green


async def audited(suite: Suite) -> bool:
    """Tell what the audit finds once all is at rest; whether it is green."""
    verdict = await _audit_when_at_rest(suite)
    _tell(verdict)
    return not verdict.open and not verdict.violations and not verdict.unseen


async def _tell_completion(loop: OpenLoop) -> None:
    """When the orders of a saga had come to their end, and how much sooner they were answered."""
    if loop.coordination == orders_pb2.COORDINATION_SYNC or not (finals := await times_to_final(loop)):
        return
    words = placing.FIRST_WORDS[loop.coordination]
    share = latency.share(loop.latencies, finals)
    typer.echo(f"  completion {latency.summary(finals)}, of {len(finals)} orders")
    typer.echo(f"  the answer above ({words}) came after {share:.2f} of that (p50)")


async def _audit_when_at_rest(suite: Suite) -> Findings:
    """The findings once nothing is open, or when the time is over: a payment may outlast its order."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = await audit.findings(suite)
        if not found.open or time.monotonic() > until:
            return found
        await asyncio.sleep(1)


def _tell(found: Findings) -> None:
    counted = ", ".join(f"{count} {state}" for state, count in sorted(found.counts.items()))
    typer.echo(f"audit of the whole suite: {counted or 'no orders'}")
    for order_id, age, where in found.open[:SHOWN]:
        typer.echo(f"  open {order_id} for {age:.0f} s: {where}")
    for violation in found.violations[:SHOWN]:
        typer.echo(f"  WRONG {violation}")
    more = len(found.open[SHOWN:]) + len(found.violations[SHOWN:])
    if more:
        typer.echo(f"  … and {more} more; `make audit` lists them")
    if not found.open and not found.violations and not found.unseen:
        typer.echo("money, stock and events add up")
