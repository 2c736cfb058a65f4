"""`make lab-latency`: what a slow service costs whoever waits for it, and nobody else.

The mesh delays every call to inventory by 50 ms and to payments by 200 ms, at their own sidecars. A
synchronous chain is as slow as its calls together; a choreographed order is answered as soon as before, and
complete as soon, for none of its steps is a call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from mesh.policy_edits import NewFault, with_fault
from ops import arguments, lab, latency, placing, state
from ops.bench import Load, measure
from ops.client import Metadata
from ops.suite import Suite

DELAYS = {"inventory": "50ms", "payments": "200ms"}
WARM_UP = 3


def lab_latency(
    orders: Annotated[
        int, typer.Option(envvar="N", parser=arguments.whole("N", 5, 1000), help="How many in each row.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", envvar="JSON", help="For a machine.")] = False,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Print the table: each coordination without the delays and with them."""
    with state.exclusive(suite):
        running, who = lab.prepared(suite)
        lab.tell(list(rows(running, who, orders)), as_json)


def rows(suite: Suite, who: Metadata, orders: int) -> Iterator[dict[str, object]]:
    """Measure, one order at a time."""
    delayed = ", ".join(f"{delay} at {name}" for name, delay in DELAYS.items())
    edits = [partial(with_fault, fault=NewFault(name, delay=delay)) for name, delay in DELAYS.items()]
    for what in ("none", delayed):
        with ExitStack() as stack:
            if what != "none":
                stack.enter_context(lab.policy_of_the_lab(suite, edits))
            for coordination in placing.FIRST_ANSWER:
                found = measure(suite, who, Load(orders, 1, coordination), WARM_UP)
                yield {
                    "coordination": placing.name_of(coordination),
                    "delays": what,
                    "answered min ms": round(min(found.first) * 1e3),
                    "answered p50 ms": round(latency.quantile(found.first, 0.5) * 1e3),
                    "complete p50 ms": round(latency.quantile(found.whole, 0.5) * 1e3),
                }
