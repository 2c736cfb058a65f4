"""Analytics as an operator sees it, and how to know that it has heard everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from ops.client import Metadata
from ops.rebuild import History, unread
from ops.suite import Suite
from ordermesh.analytics.v1 import analytics_pb2, analytics_service_pb2_grpc
from ordermesh.analytics.v1 import analytics_service_pb2 as pb
from ordermesh.events.v1 import events_pb2, events_service_pb2, events_service_pb2_grpc
from tests.harness.breaking import wait_for

GROUP, TOPIC = "analytics", "ordermesh.orders.v1"
SECONDS = 10.0


@dataclass(frozen=True)
class Sold:
    """The sales of one product over all hours; money in cents."""

    orders: int = 0
    confirmed: int = 0
    cancelled: int = 0
    quantity: int = 0
    revenue: int = 0

    def __sub__(self, before: Sold) -> Sold:
        return Sold(*(mine - theirs for mine, theirs in zip(self._all, before._all, strict=True)))

    @property
    def _all(self) -> tuple[int, ...]:
        return self.orders, self.confirmed, self.cancelled, self.quantity, self.revenue


class Sales:
    """The analytics service of a suite."""

    def __init__(self, suite: Suite, channel: grpc.Channel, olga: Metadata) -> None:
        self._suite = suite
        self._olga = olga
        self.stub = analytics_service_pb2_grpc.AnalyticsServiceStub(channel)
        self._admin: Any = AdminClient({"bootstrap.servers": suite.address("kafka"), "log_level": 0})

    def totals(self) -> pb.GetTotalsResponse:
        """The sums, with the digest."""
        return self.stub.GetTotals(pb.GetTotalsRequest(), metadata=self._olga, timeout=SECONDS)

    def of(self, sku: str) -> Sold:
        """All that is known of one product, page by page."""
        found = list(self._entries(sku))
        return Sold(
            orders=sum(entry.orders for entry in found),
            confirmed=sum(entry.confirmed for entry in found),
            cancelled=sum(entry.cancelled for entry in found),
            quantity=sum(entry.quantity for entry in found),
            revenue=sum(100 * m.units + m.nanos // 10_000_000 for entry in found for m in entry.revenue),
        )

    def _entries(self, sku: str) -> Iterator[analytics_pb2.ProductHour]:
        token = ""
        while True:
            request = pb.ListSalesRequest(sku=sku, page_token=token, page_size=2)
            page = self.stub.ListSales(request, metadata=self._olga, timeout=SECONDS)
            yield from page.sales
            token = page.next_page_token
            if not token:
                return

    def consumer(self) -> events_pb2.ConsumerState:
        """What the running instance has done with its events."""
        with grpc.insecure_channel(self._suite.address(GROUP)) as channel:
            stub = events_service_pb2_grpc.EventsServiceStub(channel)
            request = events_service_pb2.GetEventFlowRequest()
            (state,) = stub.GetEventFlow(request, metadata=self._olga, timeout=SECONDS).consumers
        return state

    def settle(self) -> pb.GetTotalsResponse:
        """Wait until every event of orders is sent and heard; the sums then."""
        wait_for(lambda: self._unsent() == 0, "orders to send its events")
        history = self.history()
        wait_for(lambda: unread(self._admin, history) == 0, "analytics to hear every event")
        return self.totals()

    def history(self) -> History:
        """What there is to hear."""
        known = self._admin.list_topics(TOPIC, timeout=SECONDS).topics[TOPIC].partitions
        asked = self._admin.list_offsets({TopicPartition(TOPIC, n): OffsetSpec.latest() for n in known})
        ends = {(TOPIC, place.partition): found.result(SECONDS).offset for place, found in asked.items()}
        return History(GROUP, sum(ends.values()), ends)

    def _unsent(self) -> int:
        query = "select count(*) from outbox where sent_time is null"
        return int(asyncio.run(rows(self._suite, "orders", query))[0]["count"])


async def rows(suite: Suite, database: str, query: str) -> list[asyncpg.Record]:
    """The answer of a service's own database."""
    connection = await asyncpg.connect(suite.database_url(database))
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()
