"""Translates between the analytics' domain and its protos, both ways."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from kit import pages
from kit.events import Event
from kit.money import from_minor, to_minor
from ordermesh.analytics.v1 import analytics_pb2
from ordermesh.analytics.v1 import analytics_service_pb2 as pb
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from services.analytics.domain import Heard, Line, ProductHour, Told, Totals
from services.analytics.usecases import CountEvent, ListSales, Position

EPOCH = datetime.fromtimestamp(0, UTC)


def order_placed(event: Event, message: OrderPlaced) -> CountEvent:
    """The command in an event."""
    lines = tuple(
        Line(line.sku, line.quantity, line.quantity * to_minor(line.unit_price)) for line in message.lines
    )
    heard = Heard(Told.PLACED, event.version, event.time, lines, message.total.currency_code)
    return CountEvent(event.event_id, event.key, heard)


def order_told(told: Told, event: Event) -> CountEvent:
    """The command in an event that says no more than that."""
    return CountEvent(event.event_id, event.key, Heard(told, event.version, event.time))


def to_list_sales(request: pb.ListSalesRequest) -> ListSales:
    """The query in a request; raises PAGE_TOKEN_INVALID."""
    cursor = pages.decode(request.page_token, _scope(request), parts=2)
    return ListSales(
        sku=request.sku,
        start_time=_time(request.start_time) if request.HasField("start_time") else None,
        after=_position(cursor) if cursor else None,
        size=pages.size(request.page_size),
    )


def from_page(found: Sequence[ProductHour], size: int, request: pb.ListSalesRequest) -> pb.ListSalesResponse:
    """A page on the wire; one entry more than its size says that another page follows."""
    answer = pb.ListSalesResponse(sales=[from_product_hour(entry) for entry in found[:size]])
    if len(found) > size:
        last = found[size - 1]
        answer.next_page_token = pages.encode([last.hour.isoformat(), last.sku], _scope(request))
    return answer


def from_product_hour(entry: ProductHour) -> analytics_pb2.ProductHour:
    """The sales of one product in one hour on the wire."""
    message = analytics_pb2.ProductHour(
        sku=entry.sku,
        orders=entry.orders,
        confirmed=entry.confirmed,
        cancelled=entry.cancelled,
        quantity=entry.quantity,
        revenue=[from_minor(amount.minor, amount.currency_code) for amount in entry.revenue],
    )
    message.hour.FromDatetime(entry.hour)
    if entry.time_to_confirm is not None:
        message.time_to_confirm.FromTimedelta(entry.time_to_confirm)
    return message


def from_totals(totals: Totals) -> pb.GetTotalsResponse:
    """The sums on the wire."""
    return pb.GetTotalsResponse(
        orders=totals.counts.orders,
        confirmed=totals.counts.confirmed,
        cancelled=totals.counts.cancelled,
        revenue=[from_minor(amount.minor, amount.currency_code) for amount in totals.revenue],
        events=totals.counts.events,
        digest=totals.digest,
    )


def _time(timestamp: Timestamp) -> datetime:
    """Rounded up to whole microseconds. By arithmetic: ToDatetime raises on nanos that are out of range."""
    return EPOCH + timedelta(seconds=timestamp.seconds, microseconds=-(-timestamp.nanos // 1000))


def _scope(request: pb.ListSalesRequest) -> str:
    """What a page token is bound to: other filters need tokens of their own."""
    asked = pb.ListSalesRequest()
    asked.CopyFrom(request)
    for name in ("page_size", "page_token"):
        asked.ClearField(name)
    return f"ListSales {asked.SerializeToString(deterministic=True).hex()}"


def _position(cursor: list[str]) -> Position:
    try:
        position = Position(datetime.fromisoformat(cursor[0]), cursor[1])
    except ValueError as error:
        raise pages.invalid() from error
    if position.hour.tzinfo is None:
        raise pages.invalid()
    return position
