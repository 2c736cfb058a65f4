"""`make compare`: the same order by the three coordinations, measured side by side in one run.

Orders are placed one at a time, so a time is that of one order on an otherwise idle suite. What cannot be
counted from outside (calls between services) is left out. In the end payments is stopped for a moment, to see
what each coordination makes of that, and the audit looks at all of it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from ops import arguments, client, compare_counts, latency, load, outage, placing
from ops.bench import Load, Measured, measure
from ops.columns import aligned
from ops.compare_counts import Counts
from ops.errors import SuiteError
from ops.suite import Suite

WARM_UP = 10
SHOWN_PARTS = 5
COORDINATIONS = tuple(placing.FIRST_ANSWER)
Row = Sequence[object]


def compare(
    orders: Annotated[
        int, typer.Option(envvar="N", parser=arguments.whole("N", 5, 1000), help="How many by each.")
    ] = 60,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Print the table, what an outage does, and the audit. Exit code 1 if an order is refused or the audit
    finds fault.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    running = Suite.load(suite)
    running.require_running()
    _require_healthy(running)
    with client.edge(running) as channel:
        who = client.bearer(client.sign_in(channel, "ada"))
    typer.echo(f"{orders} orders by each coordination, one at a time, after {WARM_UP} that do not count")
    found = [measure(running, who, Load(orders, 1, each), WARM_UP) for each in COORDINATIONS]
    counts = [asyncio.run(compare_counts.count(running, [o.order_id for o in each.orders])) for each in found]
    typer.echo("\n".join(aligned(table(found, counts))))
    for line in {line.strip(): None for each in found for line in each.left_out}:
        typer.echo(f"  {line}")
    for line in outage.show(running, who):
        typer.echo(line)
    raise typer.Exit(0 if asyncio.run(load.audited(running)) else 1)


def table(found: Sequence[Measured], counts: Sequence[Counts]) -> list[Row]:
    """A row for each thing that was measured, a column for each coordination."""
    rows: list[Row] = [
        ("", *(placing.name_of(each) for each in COORDINATIONS)),
        ("the first answer says", *(placing.FIRST_WORDS[each] for each in COORDINATIONS)),
        ("first answer p50 / p99", *(_times(each.first) for each in found)),
        ("completion   p50 / p99", *(_times(each.whole) for each in found)),
        ("CPU per order", *(f"{_cost(each, *each.cpu):.1f} ms" for each in found)),
    ]
    rows += [
        (f"  of it {part}", *(f"{_cost(each, part):.1f} ms" for each in found)) for part in _dearest(found)
    ]
    rows += [
        ("events published per order", *(f"{each.events:.1f}" for each in counts)),
        ("events of workflow history per order", *(_history(each) for each in counts)),
    ]
    return rows


def _times(times: Sequence[float]) -> str:
    return f"{latency.quantile(times, 0.5) * 1e3:.0f} / {latency.quantile(times, 0.99) * 1e3:.0f} ms"


def _cost(measured: Measured, *parts: str) -> float:
    """Milliseconds of these parts per order."""
    return sum(measured.cpu.get(part, 0.0) for part in parts) / len(measured.orders) * 1e3


def _dearest(found: Sequence[Measured]) -> list[str]:
    """The parts that cost most in one of the coordinations."""
    parts = {part for each in found for part in each.cpu}
    return sorted(parts, key=lambda part: -max(_cost(each, part) for each in found))[:SHOWN_PARTS]


def _history(counts: Counts) -> str:
    if counts.history is None:
        return "not seen"
    return f"{counts.history:.1f}" if counts.history else "none"


def _require_healthy(suite: Suite) -> None:
    """SuiteError unless every part is healthy: a table with one away would compare nothing."""
    if ill := [name for name in suite.parts if suite.health(name)]:
        raise SuiteError(f"not healthy: {', '.join(ill)}; see `make status`")


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends it as Ctrl-C does: what was stopped is started again."""
    raise KeyboardInterrupt
