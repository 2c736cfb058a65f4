"""`make bench`: places orders through the edge, bounded in number, and says what one costs.

CPU per order is what to compare: it holds within a fifth on a shared machine, while times swing twofold.
The generator's own CPU is counted too, for it runs on the same cores.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated

import grpc
import typer

from ops import arguments, client, cpu, latency, placing, rest
from ops.client import Metadata
from ops.errors import SuiteError
from ops.placing import Timed
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2_grpc

MODES = ("sync", "choreography", "orchestration")
WARM_UP = 20
MAX_ORDERS = 10_000
REST_SECONDS = 60.0
"""How long the workflows, events and mails of the last orders are waited for."""


@dataclass(frozen=True)
class Load:
    """How many orders, how many at a time, by whom; how many seconds a customer rests after one."""

    orders: int
    at_a_time: int
    coordination: orders_pb2.Coordination.ValueType
    pause: float = 0.0


@dataclass(frozen=True)
class Measured:
    """The orders with their times, seconds of the whole run, CPU seconds by part, what is not counted."""

    orders: list[Timed]
    seconds: float
    cpu: dict[str, float]
    left_out: list[str]

    @property
    def first(self) -> list[float]:
        """Seconds until the first answer."""
        return [order.first for order in self.orders]

    @property
    def whole(self) -> list[float]:
        """Seconds until the end was known."""
        return [order.whole for order in self.orders]

    @property
    def rest(self) -> list[float]:
        """Seconds from the first answer until the end was known."""
        return [order.whole - order.first for order in self.orders]


def bench(
    mode: Annotated[
        str,
        typer.Option(envvar="MODE", parser=arguments.one_of("MODE", MODES), help="Who carries the orders."),
    ] = "sync",
    orders: Annotated[int, typer.Option(envvar="N", min=1, max=MAX_ORDERS, help="How many.")] = 300,
    at_a_time: Annotated[int, typer.Option(envvar="C", min=1, max=64, help="How many at a time.")] = 8,
    pause: Annotated[
        float,
        typer.Option(
            envvar="PAUSE", parser=arguments.real("PAUSE", 0, 10), help="Seconds between two orders."
        ),
    ] = 0.0,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Place orders and print rate, latency and CPU per order. Exit code 1 if one is refused.

    With a pause the suite has done all that an order causes before the next one comes: what one alone takes.
    """
    running = Suite.load(suite)
    load = Load(orders, at_a_time, orders_pb2.Coordination.Value(f"COORDINATION_{mode.upper()}"), pause)
    with client.edge(running) as channel:
        who = client.bearer(client.sign_in(channel, "ada"))
    _report(load, measure(running, who, load))


def measure(suite: Suite, who: Metadata, load: Load, warm_up: int = WARM_UP) -> Measured:
    """Place the orders after a few that do not count. Raises SuiteError if one is refused or stays open."""
    try:
        return asyncio.run(_run(suite, who, load, warm_up))
    except grpc.aio.AioRpcError as error:
        raise SuiteError(f"an order was refused: {client.refusal(error)}") from error


async def _run(suite: Suite, who: Metadata, load: Load, warm_up: int) -> Measured:
    async with grpc.aio.insecure_channel(suite.address("edge")) as channel:
        stub = orders_service_pb2_grpc.OrdersServiceStub(channel)
        for _ in range(warm_up):
            await placing.place(stub, who, load.coordination)
        await asyncio.to_thread(rest.settled, suite, REST_SECONDS)
        placed: list[Timed] = []
        left = iter(range(load.orders))

        async def customer() -> None:
            for _ in left:
                placed.append(await placing.place(stub, who, load.coordination))
                await asyncio.sleep(load.pause)

        before, began = cpu.used(suite), time.perf_counter()
        await asyncio.gather(*(customer() for _ in range(load.at_a_time)))
        seconds = time.perf_counter() - began
    # what orders cause after their answers belongs to them
    left_out = await asyncio.to_thread(rest.settled, suite, REST_SECONDS)
    return Measured(placed, seconds, cpu.between(before, cpu.used(suite)), left_out)


def _report(load: Load, measured: Measured) -> None:
    pause = f", {load.pause:g} s between two" if load.pause else ""
    typer.echo(
        f"{load.orders} orders by {placing.name_of(load.coordination)}, {load.at_a_time} at a time{pause}"
    )
    typer.echo(f"  {load.orders / measured.seconds:.1f} orders/s, {latency.summary(measured.whole)}")
    if load.coordination != orders_pb2.COORDINATION_SYNC:
        share = latency.share(measured.first, measured.whole)
        words = placing.FIRST_WORDS[load.coordination]
        typer.echo(f"  first answer ({words}) {latency.summary(measured.first)}, p50 {share:.2f} of it")
        typer.echo(f"  from that answer to the end {latency.summary(measured.rest)}")
    for line in measured.left_out:
        typer.echo(line)
    typer.echo("\n".join(cpu.per_order(measured.cpu, load.orders)))
