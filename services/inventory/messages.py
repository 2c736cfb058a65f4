"""Translates between the inventory's domain and its protos, both ways."""

from uuid import UUID

from google.protobuf.message import Message

from kit.events import Event
from kit.requests import request_key
from ordermesh.inventory.v1 import inventory_events_pb2 as told
from ordermesh.inventory.v1 import inventory_pb2, inventory_service_pb2
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from ordermesh.payments.v1.payments_events_pb2 import PaymentFailed, PaymentProcessed
from ordermesh.sagas.v1 import sagas_pb2
from services.inventory import domain
from services.inventory.domain import Fact, Line, Reservation, Stock
from services.inventory.usecases import CommitStock, ReleaseStock, ReserveStock, Restock


def to_coordination(value: sagas_pb2.Coordination.ValueType) -> str:
    """Who carries the order; a caller who does not say is the synchronous chain."""
    return sagas_pb2.Coordination.Name(value or sagas_pb2.COORDINATION_SYNC).removeprefix("COORDINATION_")


def to_reserve_stock(request: inventory_service_pb2.ReserveStockRequest) -> ReserveStock:
    """The command in a request."""
    lines = tuple(Line(line.sku, line.quantity) for line in request.lines)
    hold = request.hold.ToTimedelta() if request.HasField("hold") else None
    coordination = to_coordination(request.coordination)
    return ReserveStock(UUID(request.order_id), lines, coordination, hold=hold)


def to_release_stock(request: inventory_service_pb2.ReleaseStockRequest) -> ReleaseStock:
    """The command in a request."""
    reason = request.reason or "RELEASED"
    return ReleaseStock(UUID(request.order_id), reason, to_coordination(request.coordination))


def to_commit_stock(request: inventory_service_pb2.CommitStockRequest) -> CommitStock:
    """The command in a request."""
    return CommitStock(UUID(request.order_id), to_coordination(request.coordination))


def order_placed(event: Event, message: OrderPlaced) -> ReserveStock:
    """The command in an event."""
    lines = tuple(Line(line.sku, line.quantity) for line in message.lines)
    return ReserveStock(event.key, lines, event.coordination, event.event_id)


def payment_processed(event: Event, message: PaymentProcessed) -> CommitStock:
    """The command in an event."""
    return CommitStock(event.key, event.coordination, event.event_id)


def payment_failed(event: Event, message: PaymentFailed) -> ReleaseStock:
    """The command in an event."""
    return ReleaseStock(event.key, message.reason, event.coordination, event.event_id)


def to_event(fact: Fact) -> Message:
    """The event that tells a fact."""
    order_id = str(fact.order_id)
    match fact:
        case domain.StockReserved():
            return told.StockReserved(order_id=order_id)
        case domain.StockReservationFailed():
            short = [told.ShortStock(sku=s.sku, wanted=s.wanted, left=s.left) for s in fact.short]
            return told.StockReservationFailed(order_id=order_id, reason="OUT_OF_STOCK", short=short)
        case domain.StockReservationExpired():
            return told.StockReservationExpired(order_id=order_id)
        case domain.StockCommitted():
            return told.StockCommitted(order_id=order_id)
        case domain.StockReleased():
            return told.StockReleased(order_id=order_id, reason=fact.reason)


def to_restock(request: inventory_service_pb2.RestockRequest, operator_id: UUID) -> Restock:
    """The command in a request."""
    return Restock(request_key(operator_id, request), request.sku, request.quantity)


def from_reservation(reservation: Reservation) -> inventory_pb2.Reservation:
    """The reservation on the wire."""
    message = inventory_pb2.Reservation(
        order_id=str(reservation.order_id),
        state=inventory_pb2.ReservationState.Value(f"RESERVATION_STATE_{reservation.state}"),
        lines=[inventory_pb2.StockLine(sku=line.sku, quantity=line.quantity) for line in reservation.lines],
    )
    if reservation.expire_time is not None:
        message.expire_time.FromDatetime(reservation.expire_time)
    return message


def from_stock(stock: Stock) -> inventory_pb2.Stock:
    """The stock on the wire."""
    return inventory_pb2.Stock(sku=stock.sku, on_hand=stock.on_hand, reserved=stock.reserved, sold=stock.sold)
