"""Places orders when they are due, never waiting for answers, and notes what was answered and when."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from typing import Self

import grpc

from ops import client, latency, placing
from ops.arrivals import Arrival
from ops.client import Metadata
from ops.errors import SuiteError
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc

MOST_IN_FLIGHT = 256
CONNECTIONS = 4
"""The edge takes 100 calls at once on a connection; more would queue in the client, unseen."""
WARM_UP = 20
PAGE = 100
DECIDED = "FAILED_PRECONDITION"
"""A refusal of the business, such as a declined card: an answer, too."""


class OpenLoop:
    """One run by one user. `async with` holds its connections."""

    def __init__(self, edge: str, who: Metadata, coordination: orders_pb2.Coordination.ValueType) -> None:
        self.who = who
        self.latencies: list[float] = []
        self.due_at: dict[str, float] = {}  # when each order was due, by the clock on the wall
        self.refused: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.dropped = 0
        self._edge = edge
        self.coordination = coordination
        self._tasks: set[asyncio.Task[None]] = set()
        self._channels: list[grpc.aio.Channel] = []
        self.stubs: list[orders_service_pb2_grpc.OrdersServiceAsyncStub] = []
        self._most_at_once = 0
        self._latest = 0.0
        self._seconds = 0.0

    async def __aenter__(self) -> Self:
        options = [("grpc.use_local_subchannel_pool", 1)]  # else all channels share one connection
        self._channels = [grpc.aio.insecure_channel(self._edge, options) for _ in range(CONNECTIONS)]
        self.stubs = [orders_service_pb2_grpc.OrdersServiceStub(channel) for channel in self._channels]
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels:
            await channel.close()

    @property
    def answered(self) -> int:
        """How many orders were answered, as accepted, confirmed or refused by the business."""
        return len(self.latencies)

    async def warm_up(self) -> None:
        """A few orders one after the other, forgotten. SuiteError if none of them is answered."""
        for index in range(WARM_UP):
            await self._place(Arrival(0, "approved"), index, time.monotonic())
        if not self.answered:
            raise SuiteError(f"the suite takes no orders: {', '.join(self.failed)}; see `make status`")
        self.latencies.clear()
        self.due_at.clear()
        self.refused.clear()
        self.failed.clear()

    async def run(self, due: Sequence[Arrival]) -> None:
        """Place every order when it is due; returns when the last one is answered."""
        began = time.monotonic()
        for index, arrival in enumerate(due):
            await asyncio.sleep(began + arrival.due - time.monotonic())
            self._latest = max(self._latest, time.monotonic() - began - arrival.due)
            if len(self._tasks) >= MOST_IN_FLIGHT:
                self.dropped += 1
                continue
            task = asyncio.create_task(self._place(arrival, index, began + arrival.due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._most_at_once = max(self._most_at_once, len(self._tasks))
        await asyncio.gather(*self._tasks)
        self._seconds = time.monotonic() - began

    async def _place(self, arrival: Arrival, index: int, due: float) -> None:
        request = placing.request(self.coordination, arrival.card)
        stub = self.stubs[index % len(self.stubs)]
        due_at = time.time() - (time.monotonic() - due)
        try:
            answer = await stub.PlaceOrder(request, metadata=self.who, timeout=client.CALL_SECONDS)
            self.due_at[answer.order.order_id] = due_at
        except grpc.aio.AioRpcError as error:
            said = client.refusal(error)
            if said.code != DECIDED:
                self.failed[f"{said.code} {said.reason}".strip()] += 1
                return
            self.refused[said.reason] += 1
            if "order_id" in said.details:
                self.due_at[said.details["order_id"]] = due_at
        self.latencies.append(time.monotonic() - due)

    def report(self) -> list[str]:
        """What was seen, in lines for a person. Nothing that did not happen as planned is left out."""
        lines = [f"  answered {self.answered}, {self.answered / self._seconds:.1f}/s"]
        if self.answered:
            lines[0] += f", {latency.summary(self.latencies)}"
        lines += [f"  refused {count}: {reason}" for reason, count in self.refused.most_common()]
        lines += [f"  failed {count}: {reason}" for reason, count in self.failed.most_common()]
        lines.append(
            f"  dropped by the generator {self.dropped} (more than {MOST_IN_FLIGHT} in flight); "
            f"{self._most_at_once} in flight at most, at most {self._latest * 1e3:.0f} ms late"
        )
        return lines


async def times_to_final(loop: OpenLoop) -> list[float]:
    """Seconds from when each order of a run was due to its final state, as orders' database records it: the
    clock is that of the same machine.
    """
    left, times = dict(loop.due_at), []
    request = orders_service_pb2.ListOrdersRequest(page_size=PAGE)
    while left:
        page = await loop.stubs[0].ListOrders(request, metadata=loop.who, timeout=client.CALL_SECONDS)
        for order in page.orders:
            due = left.pop(order.order_id, None)
            if due is not None and placing.is_final(order.state, order.flow):
                times.append(order.update_time.ToDatetime(tzinfo=UTC).timestamp() - due)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    return times
