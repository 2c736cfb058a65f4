"""`make lab-availability`: a chain is up only while all of its services are.

The mesh refuses a share of the calls that orders makes to products, inventory and payments, at their own
sidecars. Without second tries the share of synchronous orders that succeed is the product of the three; with
the mesh's second tries it is nearly whole again. A choreographed order waits for the price list only, and is
accepted also while inventory and payments refuse everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from mesh.policy_edits import NewFault, with_attempts, with_fault
from ops import arguments, lab, placing, rest, state
from ops.client import Metadata
from ops.lab import Coordination, Edit, Share
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2

CHAIN = ("products", "inventory", "payments")
BEHIND = ("inventory", "payments")
"""What a choreographed order does not wait for."""
FEW = 40
"""Orders that are refused every time need not be many."""
REST_SECONDS = 120.0


@dataclass(frozen=True)
class Trial:
    """One row: who carries the orders, where how many percent are refused, whether the mesh tries again."""

    coordination: Coordination
    percent: float
    at: tuple[str, ...]
    again: bool
    expected: float | None
    orders: int


def lab_availability(
    orders: Annotated[
        int, typer.Option(envvar="N", parser=arguments.whole("N", 20, 5000), help="How many in a row.")
    ] = 300,
    as_json: Annotated[bool, typer.Option("--json", envvar="JSON", help="For a machine.")] = False,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Print the table. Exit code 1 if orders are still open long after it."""
    with state.exclusive(suite):
        running, who = lab.prepared(suite)
        lab.tell([row(running, who, trial) for trial in trials(orders)], as_json)
        still_open = asyncio.run(rest.open_orders(running, REST_SECONDS))
    if not as_json:
        typer.echo(f"{still_open} orders are open; `make audit` looks at money and stock")
    raise typer.Exit(1 if still_open else 0)


def trials(orders: int) -> Iterator[Trial]:
    """The rows."""
    sync, choreography = orders_pb2.COORDINATION_SYNC, orders_pb2.COORDINATION_CHOREOGRAPHY
    for percent in (5.0, 0.5):
        yield Trial(sync, percent, CHAIN, again=False, expected=product(percent, CHAIN), orders=orders)
    yield Trial(sync, 5.0, CHAIN, again=True, expected=None, orders=orders)
    yield Trial(choreography, 5.0, CHAIN, again=True, expected=None, orders=orders)
    yield Trial(sync, 100.0, BEHIND, again=True, expected=0.0, orders=FEW)
    yield Trial(choreography, 100.0, BEHIND, again=True, expected=1.0, orders=FEW)


def product(percent: float, services: Sequence[str]) -> float:
    """The share of chains that get through, if every service refuses so many percent."""
    return float((1 - percent / 100) ** len(services))


def row(suite: Suite, who: Metadata, trial: Trial) -> dict[str, object]:
    """Place the orders of one row under its policy."""
    with lab.policy_of_the_lab(suite, list(edits(trial))):
        found = asyncio.run(lab.answers(suite.address("edge"), who, trial.coordination, trial.orders))
    succeeded = Share(found["OK"], trial.orders)
    low, high = succeeded.interval
    return {
        "coordination": placing.name_of(trial.coordination),
        "refused": f"{trial.percent:g} % at {', '.join(trial.at)}",
        "tried again": "yes" if trial.again else "no",
        "orders": trial.orders,
        "accepted %": round(succeeded.value * 100, 1),
        "95 % sure": f"{low * 100:.1f} to {high * 100:.1f}",
        "product": "-" if trial.expected is None else f"{trial.expected * 100:.1f}",
    }


def edits(trial: Trial) -> Iterator[Edit]:
    """What the policy is for a row."""
    for name in trial.at:
        fault = NewFault(name, f"{trial.percent:g}", abort="UNAVAILABLE", source="orders")
        yield partial(with_fault, fault=fault)
    if not trial.again:
        yield partial(with_attempts, attempts=0)
