"""What every implementation of ordermesh.analytics.v1.AnalyticsService does.

Its input is the topic of orders. The orders told here were never placed; as SYNC ones nobody else reacts.
"""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from confluent_kafka import Producer
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kit.events import Event, headers, type_of
from kit.money import from_minor
from ops.client import Metadata
from ops.suite import Suite
from ordermesh.analytics.v1 import analytics_pb2, analytics_service_pb2_grpc
from ordermesh.analytics.v1 import analytics_service_pb2 as pb
from ordermesh.events.v1 import events_pb2, events_service_pb2, events_service_pb2_grpc
from ordermesh.orders.v1 import orders_events_pb2 as told
from ordermesh.orders.v1 import orders_pb2
from tests.harness.breaking import wait_for
from tests.harness.refusals import refused

pytestmark = pytest.mark.suite

SECONDS = 10.0
TOPIC = "ordermesh.orders.v1"
EVENING = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)


class Analytics:
    """The service, and the topic that it hears."""

    def __init__(self, channel: grpc.Channel, kafka: str, operator: Metadata) -> None:
        self.stub = analytics_service_pb2_grpc.AnalyticsServiceStub(channel)
        self.events = events_service_pb2_grpc.EventsServiceStub(channel)
        self.operator = operator
        self._producer: Any = Producer(
            {"bootstrap.servers": kafka, "enable.idempotence": True, "partitioner": "murmur2_random"}
        )

    def tell(self, *events: Event) -> None:
        """Publish, and wait until the broker has them."""
        for event in events:
            self._producer.produce(
                event.topic, event.payload, str(event.key).encode(), headers=headers(event)
            )
        assert self._producer.flush(SECONDS) == 0

    def sales(self, sku: str, **fields: Any) -> list[analytics_pb2.ProductHour]:
        return list(self.page(sku=sku, **fields).sales)

    def page(self, **fields: Any) -> pb.ListSalesResponse:
        return self.stub.ListSales(pb.ListSalesRequest(**fields), metadata=self.operator, timeout=SECONDS)

    def totals(self) -> pb.GetTotalsResponse:
        return self.stub.GetTotals(pb.GetTotalsRequest(), metadata=self.operator, timeout=SECONDS)

    def counted(self, sku: str) -> tuple[int, int, int, int]:
        """Orders, confirmed ones, cancelled ones, pieces."""
        found = self.sales(sku)
        return (
            sum(entry.orders for entry in found),
            sum(entry.confirmed for entry in found),
            sum(entry.cancelled for entry in found),
            sum(entry.quantity for entry in found),
        )

    def parked(self, order_id: uuid.UUID) -> list[events_pb2.DeadLetter]:
        """What was set aside of this order."""
        found, token = [], ""
        while True:
            request = events_service_pb2.ListDeadLettersRequest(page_size=100, page_token=token)
            page = self.events.ListDeadLetters(request, metadata=self.operator, timeout=SECONDS)
            found += [letter for letter in page.dead_letters if letter.key == str(order_id)]
            token = page.next_page_token
            if not token:
                return found


@pytest.fixture(scope="module")
def analytics(channel_to: Callable[[str], grpc.Channel], suite: Suite, olga: Metadata) -> Analytics:
    return Analytics(channel_to("analytics"), suite.address("kafka"), olga)


@pytest.fixture
def sku() -> str:
    """A product that nobody has sold yet."""
    return f"T-{uuid.uuid4().hex[:16].upper()}"


@pytest.fixture
def order_id(analytics: Analytics) -> Iterator[uuid.UUID]:
    """A new order; what was set aside of it is given up in the end."""
    chosen = uuid.uuid4()
    yield chosen
    for letter in analytics.parked(chosen):
        request = events_service_pb2.DropDeadLetterRequest(
            request_id=str(uuid.uuid4()), dead_letter_id=letter.dead_letter_id
        )
        analytics.events.DropDeadLetter(request, metadata=analytics.operator, timeout=SECONDS)


def event(order_id: uuid.UUID, version: int, message: Message, at: datetime = EVENING) -> Event:
    return Event(
        event_id=uuid.uuid4(), topic=TOPIC, key=order_id, version=version, type=type_of(message),
        coordination="SYNC", traceparent="", time=at, payload=message.SerializeToString(),
    )  # fmt: skip


def placed(order_id: uuid.UUID, sku: str, at: datetime = EVENING) -> Event:
    """Three pieces at 12.50."""
    line = orders_pb2.OrderLine(sku=sku, quantity=3, unit_price=from_minor(1250, "EUR"))
    message = told.OrderPlaced(
        order_id=str(order_id),
        customer_id=str(uuid.uuid4()),
        lines=[line],
        total=from_minor(3750, "EUR"),
    )
    return event(order_id, 1, message, at)


def asked_to_cancel(order_id: uuid.UUID, version: int) -> Event:
    wish = told.OrderCancellationRequested(order_id=str(order_id), reason="CANCELLED_BY_CUSTOMER")
    return event(order_id, version, wish)


def confirmed(order_id: uuid.UUID, version: int) -> Event:
    message = told.OrderConfirmed(order_id=str(order_id))
    return event(order_id, version, message, EVENING + timedelta(seconds=2, milliseconds=500))


def cancelled(order_id: uuid.UUID, version: int) -> Event:
    return event(order_id, version, told.OrderCancelled(order_id=str(order_id), reason="OUT_OF_STOCK"))


def test_a_confirmed_order_is_revenue_of_the_hour_in_which_it_was_placed(
    analytics: Analytics, order_id: uuid.UUID, sku: str
) -> None:
    analytics.tell(placed(order_id, sku), confirmed(order_id, 2))
    wait_for(lambda: analytics.counted(sku) == (1, 1, 0, 3), "the order to be counted")
    (entry,) = analytics.sales(sku)
    assert entry.hour.ToDatetime(UTC) == EVENING.replace(minute=0)
    assert list(entry.revenue) == [from_minor(3750, "EUR")]
    assert entry.time_to_confirm.ToTimedelta() == timedelta(seconds=2, milliseconds=500)


def test_a_cancelled_order_is_no_revenue(analytics: Analytics, order_id: uuid.UUID, sku: str) -> None:
    analytics.tell(placed(order_id, sku), asked_to_cancel(order_id, 2), cancelled(order_id, 3))
    wait_for(lambda: analytics.counted(sku) == (1, 0, 1, 0), "the order to be counted")
    (entry,) = analytics.sales(sku)
    assert list(entry.revenue) == []
    assert not entry.HasField("time_to_confirm")


def test_events_that_come_again_count_once(analytics: Analytics, order_id: uuid.UUID, sku: str) -> None:
    events = (placed(order_id, sku), confirmed(order_id, 2))
    analytics.tell(*events, *events)
    wait_until_handled(analytics, order_id, sku)
    assert analytics.counted(sku) == (1, 1, 0, 3)


def test_another_event_of_a_version_that_was_heard_is_skipped(
    analytics: Analytics, order_id: uuid.UUID, sku: str
) -> None:
    analytics.tell(
        placed(order_id, sku), confirmed(order_id, 2), cancelled(order_id, 2), placed(order_id, sku)
    )
    wait_until_handled(analytics, order_id, sku)
    assert analytics.counted(sku) == (1, 1, 0, 3)


def wait_until_handled(analytics: Analytics, order_id: uuid.UUID, sku: str) -> None:
    """An event behind a gap of the same order is set aside: when it is, all before it has been handled."""
    wait_for(lambda: analytics.counted(sku)[1] == 1, "the order to be confirmed")
    analytics.tell(asked_to_cancel(order_id, 9))
    wait_for(lambda: len(analytics.parked(order_id)) == 1, "the events before to be handled")


def test_an_event_behind_a_gap_is_set_aside_and_so_is_what_follows(
    analytics: Analytics, order_id: uuid.UUID, sku: str
) -> None:
    analytics.tell(placed(order_id, sku), asked_to_cancel(order_id, 3), confirmed(order_id, 4))
    wait_for(lambda: len(analytics.parked(order_id)) == 2, "both events to be set aside")
    reasons = [letter.reason for letter in analytics.parked(order_id)]
    assert reasons == ["VERSION_GAP", "BEHIND_DEAD_LETTER"]
    assert analytics.counted(sku) == (1, 0, 0, 0)


def test_pages_go_from_the_newest_hour_on(analytics: Analytics, sku: str) -> None:
    for hours in range(3):
        order_id = uuid.uuid4()
        analytics.tell(placed(order_id, sku, EVENING + timedelta(hours=hours)), cancelled(order_id, 2))
    wait_for(lambda: analytics.counted(sku)[2] == 3, "the orders to be counted")
    first = analytics.page(sku=sku, page_size=2)
    second = analytics.page(sku=sku, page_size=2, page_token=first.next_page_token)
    assert [entry.hour.ToDatetime(UTC).hour for entry in (*first.sales, *second.sales)] == [20, 19, 18]
    assert second.next_page_token == ""
    start = Timestamp(seconds=int(EVENING.timestamp()))
    assert [entry.hour.ToDatetime(UTC).hour for entry in analytics.sales(sku, start_time=start)] == [20, 19]


def test_a_page_token_belongs_to_its_question(analytics: Analytics, sku: str) -> None:
    for hours in range(2):
        analytics.tell(placed(uuid.uuid4(), sku, EVENING + timedelta(hours=hours)))
    wait_for(lambda: analytics.counted(sku)[0] == 2, "the orders to be counted")
    token = analytics.page(sku=sku, page_size=1).next_page_token
    said = refused(lambda: analytics.page(sku="MUG-BLUE", page_token=token))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", ("page_token",))


def test_the_digest_changes_with_every_event_and_only_then(
    analytics: Analytics, order_id: uuid.UUID, sku: str
) -> None:
    digests = []
    for happened in (placed(order_id, sku), asked_to_cancel(order_id, 2), confirmed(order_id, 3)):
        before = analytics.totals().events
        analytics.tell(happened)
        wait_for(lambda: analytics.totals().events > before, "the event to be heard")  # noqa: B023
        digests.append(analytics.totals().digest)
    assert len(set(digests)) == 3
    assert analytics.totals().digest == digests[-1]
