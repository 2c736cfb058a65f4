"""`make bench`: places orders through the edge, bounded in number, and says what one costs.

CPU per order is what to compare: it holds within a fifth on a shared machine, while times swing twofold.
The generator's own CPU is counted too, for it runs on the same cores.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Annotated

import grpc
import typer

from ops import client, cpu, latency, rest
from ops.client import Metadata
from ops.errors import SuiteError
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc

WARM_UP = 20
MAX_ORDERS = 10_000
REST_SECONDS = 60.0
"""How long the events and mails of the last orders are waited for."""
FINAL = (orders_pb2.ORDER_STATE_CONFIRMED, orders_pb2.ORDER_STATE_CANCELLED)


@dataclass(frozen=True)
class Load:
    """How many orders, how many at a time, by which coordination."""

    orders: int
    at_a_time: int
    coordination: orders_pb2.Coordination.ValueType


@dataclass(frozen=True)
class Measured:
    """Seconds of each order's call, seconds of the whole run, CPU seconds by part."""

    latencies: list[float]
    seconds: float
    cpu: dict[str, float]


def bench(
    mode: Annotated[str, typer.Option(envvar="MODE", help="sync, choreography or orchestration.")] = "sync",
    orders: Annotated[int, typer.Option(envvar="N", min=1, max=MAX_ORDERS, help="How many.")] = 300,
    at_a_time: Annotated[int, typer.Option(envvar="C", min=1, max=64, help="How many at a time.")] = 8,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Place orders and print rate, latency and CPU per order. Exit code 1 if one is refused."""
    running = Suite.load(suite)
    try:
        coordination = orders_pb2.Coordination.Value(f"COORDINATION_{mode.upper()}")
    except ValueError as error:
        raise SuiteError(f"MODE={mode}: sync, choreography or orchestration") from error
    with client.edge(running) as channel:
        who = client.bearer(client.sign_in(channel, "ada"))
    load = Load(orders, at_a_time, coordination)
    try:
        measured = asyncio.run(_run(running, who, load))
    except grpc.aio.AioRpcError as error:
        raise SuiteError(f"an order was refused: {client.refusal(error)}") from error
    _report(load, measured)


async def _run(suite: Suite, who: Metadata, load: Load) -> Measured:
    async with grpc.aio.insecure_channel(suite.address("edge")) as channel:
        stub = orders_service_pb2_grpc.OrdersServiceStub(channel)
        latencies: list[float] = []

        async def place() -> None:
            request = orders_service_pb2.PlaceOrderRequest(
                request_id=str(uuid.uuid4()),
                lines=[orders_service_pb2.PlaceOrderLine(sku="MUG-BLUE", quantity=1)],
                payment_token="tok_approved",  # noqa: S106 - a test token
                coordination=load.coordination,
                wait=orders_pb2.WAIT_FINAL,
            )
            began = time.perf_counter()
            answer = await stub.PlaceOrder(request, metadata=who, timeout=client.CALL_SECONDS)
            if answer.order.state not in FINAL:
                raise SuiteError(
                    f"order {answer.order.order_id} is still open after {client.CALL_SECONDS:.0f} s"
                )
            latencies.append(time.perf_counter() - began)

        for _ in range(WARM_UP):
            await place()
        latencies.clear()
        left = iter(range(load.orders))

        async def worker() -> None:
            for _ in left:
                await place()

        before, began = cpu.used(suite), time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(load.at_a_time)))
        seconds = time.perf_counter() - began
    # what orders cause after their answers belongs to them
    for line in await asyncio.to_thread(rest.events_heard, suite, REST_SECONDS):
        typer.echo(line)
    return Measured(latencies, seconds, cpu.between(before, cpu.used(suite)))


def _report(load: Load, measured: Measured) -> None:
    mode = orders_pb2.Coordination.Name(load.coordination).removeprefix("COORDINATION_")
    typer.echo(f"{load.orders} orders by {mode}, {load.at_a_time} at a time")
    typer.echo(f"  {load.orders / measured.seconds:.1f} orders/s, {latency.summary(measured.latencies)}")
    typer.echo("\n".join(cpu.per_order(measured.cpu, load.orders)))
