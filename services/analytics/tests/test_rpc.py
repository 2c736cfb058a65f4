"""Analytics through its real server: pages, filters, sums, and its events, of which it publishes none."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from kit.events import Event
from kit.run import App
from kit.testing.postgres import scratch_url
from kit.testing.serve import Told, serving
from kit.testing.tokens import Issuer
from ordermesh.analytics.v1 import analytics_service_pb2 as pb
from ordermesh.analytics.v1 import analytics_service_pb2_grpc
from ordermesh.events.v1 import events_service_pb2, events_service_pb2_grpc
from ordermesh.orders.v1 import orders_events_pb2 as told
from ordermesh.orders.v1 import orders_pb2
from services.analytics import settings, wiring

pytestmark = pytest.mark.postgres
ISSUER = Issuer()
OPERATOR = ISSUER.authorization(uuid.uuid4(), "operator")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
EUROS = Money(currency_code="EUR", units=12, nanos=500_000_000)


class Office:
    """Analytics as its callers see it; events come from a test."""

    def __init__(self, app: App, channel: grpc.aio.Channel) -> None:
        self.app = app
        self.stub: Any = analytics_service_pb2_grpc.AnalyticsServiceStub(channel)
        self.events: Any = events_service_pb2_grpc.EventsServiceStub(channel)

    async def list(self, **fields: Any) -> pb.ListSalesResponse:
        request = pb.ListSalesRequest(**fields)
        answer: pb.ListSalesResponse = await self.stub.ListSales(request, metadata=OPERATOR)
        return answer

    async def hear(self, order_id: uuid.UUID, message: Any, version: int, at: datetime) -> None:
        """An event, as it comes from the topic."""
        assert self.app.events is not None
        assert self.app.events.dispatcher is not None
        reactions = {r.message: r.handler for r in self.app.events.dispatcher.subscription.reactions}
        event = Event(
            event_id=uuid.uuid4(), topic="ordermesh.orders.v1", key=order_id, version=version, type="",
            coordination="SYNC", traceparent="", time=at, payload=b"",
        )  # fmt: skip
        await reactions[type(message)](event, message)

    async def sold(self, sku: str, quantity: int, at: datetime = NOON) -> None:
        order_id = uuid.uuid4()
        line = orders_pb2.OrderLine(sku=sku, quantity=quantity, unit_price=EUROS)
        await self.hear(order_id, told.OrderPlaced(lines=[line], total=EUROS), 1, at)
        await self.hear(order_id, told.OrderConfirmed(), 2, at + timedelta(milliseconds=250))


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with scratch_url(wiring.MIGRATIONS) as url:
        chosen = settings.Settings(
            listen="127.0.0.1:1",
            database_url=url,
            users_address="127.0.0.1:1",
            kafka_address="127.0.0.1:1",
        )
        app = replace(wiring.build(chosen), tokens=ISSUER.verifier())
        async with serving("analytics", app, f"unix:/tmp/om-{uuid.uuid4().hex}") as channel:
            yield Office(app, channel)


async def refusal(call: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Told(caught.value)


async def test_sales_are_money_and_time_on_the_wire(office: Office) -> None:
    await office.sold("MUG-BLUE", 3)
    (entry,) = (await office.list()).sales
    assert (entry.sku, entry.hour.ToDatetime(UTC), entry.quantity) == ("MUG-BLUE", NOON, 3)
    assert list(entry.revenue) == [Money(currency_code="EUR", units=37, nanos=500_000_000)]
    assert entry.time_to_confirm.ToTimedelta() == timedelta(milliseconds=250)
    totals = await office.stub.GetTotals(pb.GetTotalsRequest(), metadata=OPERATOR)
    assert (totals.events, totals.orders, totals.confirmed, totals.cancelled) == (2, 1, 1, 0)
    assert list(totals.revenue) == list(entry.revenue)


async def test_an_order_that_is_only_placed_has_no_revenue_and_no_time(office: Office) -> None:
    line = orders_pb2.OrderLine(sku="MUG-BLUE", quantity=1, unit_price=EUROS)
    await office.hear(uuid.uuid4(), told.OrderPlaced(lines=[line], total=EUROS), 1, NOON)
    (entry,) = (await office.list()).sales
    assert (entry.orders, entry.confirmed, list(entry.revenue)) == (1, 0, [])
    assert not entry.HasField("time_to_confirm")


async def test_a_token_leads_to_the_next_page_of_the_same_question_only(office: Office) -> None:
    for hours in range(3):
        await office.sold("MUG-BLUE", 1, NOON + timedelta(hours=hours))
    start = Timestamp(seconds=int(NOON.timestamp()) + 3600)
    first = await office.list(sku="MUG-BLUE", start_time=start, page_size=1)
    token = first.next_page_token
    second = await office.list(sku="MUG-BLUE", start_time=start, page_token=token)
    found = [entry.hour.ToDatetime(UTC).hour for entry in (*first.sales, *second.sales)]
    assert found == [14, 13]
    assert second.next_page_token == ""
    for changed in ({"sku": "MUG-BLUE"}, {"start_time": start}, {}):
        said = await refusal(office.list(page_token=token, **changed))
        assert (said.reason, said.fields) == ("PAGE_TOKEN_INVALID", ["page_token"])


@pytest.mark.parametrize(
    ("seconds", "nanos", "found"),
    [(0, 0, 1), (0, 1, 0), (-1, 999_999_999, 1), (0, -5, 1), (0, 2_000_000_000, 0)],
)
async def test_a_start_time_counts_to_the_nanosecond_even_a_malformed_one(
    office: Office, seconds: int, nanos: int, found: int
) -> None:
    await office.sold("MUG-BLUE", 1)
    start = Timestamp(seconds=int(NOON.timestamp()) + seconds, nanos=nanos)
    assert len((await office.list(start_time=start)).sales) == found


@pytest.mark.parametrize("seconds", [-1, 4102444800, 10**18])
async def test_a_start_time_outside_of_history_is_refused(office: Office, seconds: int) -> None:
    said = await refusal(office.list(start_time=Timestamp(seconds=seconds)))
    assert (said.reason, said.fields) == ("VALIDATION_FAILED", ["start_time"])


async def test_a_service_that_publishes_nothing_tells_how_events_go_through(office: Office) -> None:
    flow = await office.events.GetEventFlow(events_service_pb2.GetEventFlowRequest(), metadata=OPERATOR)
    assert (flow.unsent, flow.oldest_unsent_seconds) == (0, 0.0)
    (consumer,) = flow.consumers
    assert (consumer.consumer, list(consumer.topics)) == ("analytics", ["ordermesh.orders.v1"])
