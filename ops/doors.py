"""`make doors`: the same order by gRPC, by REST and by the web's graph, measured side by side in one run.

The doors take turns in blocks, so that a machine that becomes slower does so for all of them. Orders are
synchronous and placed one at a time; what an order causes after its answer belongs to its block's CPU.
What a door costs is the CPU of the parts between the customer and orders: all behind them does the same
for every door, and the customer's program here is Python's for HTTP and C's for gRPC.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import grpc
import httpx
import typer

from ops import arguments, client, cpu, latency, placing, rest
from ops.columns import aligned
from ops.errors import SuiteError
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2_grpc

ROUNDS = 4
WARM_UP = 10
REST_SECONDS = 60.0
USER = "ada"
SYNC = orders_pb2.COORDINATION_SYNC
MUTATION = """mutation($input: PlaceOrderInput!) {
  placeOrder(input: $input) { ... on OrderPlaced { order { id state } } ... on Refusal { reason message } }
}"""

BETWEEN = ("edge", "bff-web", "bff-web-sidecar")
"""What a call may pass before it comes to orders' own sidecar."""
HEADINGS = ("", "p50 ms", "p99 ms", "p50 / gRPC", "CPU ms", *BETWEEN, "above gRPC")

Place = Callable[[], Awaitable[None]]


@dataclass
class Measured:
    """Seconds of each order, and CPU seconds by part of all of them."""

    times: list[float] = field(default_factory=list)
    spent: Counter[str] = field(default_factory=Counter)

    @property
    def cpu_ms(self) -> float:
        """Of one order, in all parts."""
        return sum(self.part_ms(part) for part in self.spent if part != cpu.GENERATOR)

    def part_ms(self, part: str) -> float:
        """Of one order, in one of them."""
        return self.spent[part] / len(self.times) * 1e3


def doors(
    orders: Annotated[
        int, typer.Option(envvar="N", parser=arguments.whole("N", ROUNDS, 1000), help="How many by each.")
    ] = 100,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Place orders by each door, and print times, CPU, and what both are of gRPC's."""
    running = Suite.load(suite)
    with client.edge(running) as channel:
        api, web = (client.sign_in(channel, USER, kind) for kind in ("api", "web"))
    found = asyncio.run(_measure(running, orders, api, web))
    typer.echo(f"{orders} synchronous orders by each door, one at a time, in {ROUNDS} turns")
    rows = [_row(name, one, found["gRPC"]) for name, one in found.items()]
    typer.echo("\n".join(aligned([HEADINGS, *rows])))


def _row(name: str, one: Measured, first: Measured) -> tuple[object, ...]:
    """One door, beside the first."""
    p50, p99 = (latency.quantile(one.times, share) for share in (0.5, 0.99))
    ratio = p50 / latency.quantile(first.times, 0.5)
    doors = [one.part_ms(part) for part in BETWEEN]
    above = sum(doors) - sum(first.part_ms(part) for part in BETWEEN)
    times = (f"{p50 * 1e3:.1f}", f"{p99 * 1e3:.1f}", f"{ratio:.2f}", f"{one.cpu_ms:.1f}")
    return (name, *times, *(f"{each:.2f}" for each in doors), f"{above:.2f}")


async def _measure(suite: Suite, orders: int, api: str, web: str) -> dict[str, Measured]:
    base = f"http://{suite.address('edge')}"
    async with (
        grpc.aio.insecure_channel(suite.address("edge")) as channel,
        httpx.AsyncClient(base_url=base, timeout=client.CALL_SECONDS) as http,
    ):
        stub = orders_service_pb2_grpc.OrdersServiceStub(channel)

        async def by_grpc() -> None:
            await stub.PlaceOrder(
                placing.request(SYNC), metadata=client.bearer(api), timeout=client.CALL_SECONDS
            )

        ways: dict[str, Place] = {
            "gRPC": by_grpc,
            "REST": lambda: _post(http, "/api/v1/orders", api, _order()),
            "GraphQL": lambda: _post(http, "/web/graphql", web, _mutation()),
        }
        for place in ways.values():
            await _block(suite, place, WARM_UP, Measured())
        found = {name: Measured() for name in ways}
        for turn in range(ROUNDS):
            for name, place in ways.items():
                count = orders // ROUNDS + (turn < orders % ROUNDS)
                await _block(suite, place, count, found[name])
    return found


async def _block(suite: Suite, place: Place, count: int, into: Measured) -> None:
    await asyncio.to_thread(rest.settled, suite, REST_SECONDS)
    before = cpu.used(suite)
    for _ in range(count):
        began = time.perf_counter()
        await place()
        into.times.append(time.perf_counter() - began)
    await asyncio.to_thread(rest.settled, suite, REST_SECONDS)
    into.spent.update(cpu.between(before, cpu.used(suite)))


async def _post(http: httpx.AsyncClient, path: str, token: str, body: Mapping[str, Any]) -> None:
    answer = await http.post(path, json=body, headers={"authorization": f"Bearer {token}"})
    if answer.status_code != 200 or "CONFIRMED" not in answer.text:
        raise SuiteError(f"an order by {path} was refused: {answer.status_code} {answer.text[:500]}")


def _order() -> dict[str, Any]:
    asked = placing.request(SYNC)
    return {
        "request_id": asked.request_id,
        "lines": [{"sku": line.sku, "quantity": line.quantity} for line in asked.lines],
        "payment_token": asked.payment_token,
        "coordination": "COORDINATION_SYNC",
    }


def _mutation() -> dict[str, Any]:
    asked = _order()
    given = {
        "requestId": asked["request_id"],
        "lines": asked["lines"],
        "paymentToken": asked["payment_token"],
        "coordination": "SYNC",
    }
    return {"query": MUTATION, "variables": {"input": given}}
