"""Translates between the inventory's domain and its protos, both ways."""

from uuid import UUID

from kit.requests import request_key
from ordermesh.inventory.v1 import inventory_pb2, inventory_service_pb2
from services.inventory.domain import Line, Reservation, Stock
from services.inventory.usecases import ReserveStock, Restock


def to_reserve_stock(request: inventory_service_pb2.ReserveStockRequest) -> ReserveStock:
    """The command in a request."""
    return ReserveStock(
        UUID(request.order_id), tuple(Line(line.sku, line.quantity) for line in request.lines)
    )


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
