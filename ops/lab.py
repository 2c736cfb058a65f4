"""What the labs share: faults that hold for a while, orders by each coordination, and how sure a share is."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import grpc
import typer

from ops import client, mesh_client, mesh_policy, placing
from ops.client import Metadata
from ops.columns import aligned
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2_grpc

AT_ONCE = 4
SURE = 1.96  # standard deviations: 95 %
Coordination: TypeAlias = orders_pb2.Coordination.ValueType
Edit = Callable[[str], str]


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """Between 0 and 1."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies with 95 % (Wilson's score interval)."""
        square = SURE**2 / self.total
        middle = (self.value + square / 2) / (1 + square)
        half = (
            SURE
            * math.sqrt(self.value * (1 - self.value) / self.total + square / 4 / self.total)
            / (1 + square)
        )
        return max(0.0, middle - half), min(1.0, middle + half)


@contextmanager
def policy_of_the_lab(suite: Suite, edits: Sequence[Edit]) -> Iterator[None]:
    """The policy with these edits for the length of a block; then as it was, unless somebody has changed it
    meanwhile: then that stays, with what the lab has added, and is said.
    """
    path = suite.site.root / suite.site.policy
    before = path.read_text()
    _apply(suite, edits)
    during = path.read_text()
    try:
        yield
    finally:
        if path.read_text() == during:
            mesh_policy.edit(suite, lambda _: before)
        else:
            typer.echo(
                f"{suite.site.policy} was changed meanwhile: look at it, the lab's faults are still there"
            )


def _apply(suite: Suite, edits: Sequence[Edit]) -> None:
    def all_of_them(text: str) -> str:
        for edit in edits:
            text = edit(text)
        return text

    mesh_policy.edit(suite, all_of_them)


async def answers(edge: str, who: Metadata, coordination: Coordination, number: int) -> Counter[str]:
    """Place so many orders, some at once, each tried once: how often there was which answer."""
    found: Counter[str] = Counter()
    left = iter(range(number))
    async with grpc.aio.insecure_channel(edge) as channel:
        stub = orders_service_pb2_grpc.OrdersServiceStub(channel)

        async def customer() -> None:
            for _ in left:
                found[await _answer(stub, who, coordination)] += 1

        await asyncio.gather(*(customer() for _ in range(AT_ONCE)))
    return found


async def _answer(
    stub: orders_service_pb2_grpc.OrdersServiceAsyncStub, who: Metadata, by: Coordination
) -> str:
    try:
        await stub.PlaceOrder(placing.request(by), metadata=who, timeout=client.CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


def prepared(suite: str) -> tuple[Suite, Metadata]:
    """The running suite with its mesh, and ada's credentials."""
    running = Suite.load(suite)
    mesh_client.require_mesh(running)
    return running, signed_in(running)


def signed_in(suite: Suite) -> Metadata:
    """Ada's credentials."""
    with client.edge(suite) as channel:
        return client.bearer(client.sign_in(channel, "ada"))


def tell(rows: Sequence[dict[str, object]], as_json: bool) -> None:
    """The rows as a table, or as JSON for a machine."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=1))
    else:
        typer.echo("\n".join(aligned([tuple(rows[0]), *(tuple(row.values()) for row in rows)])))
