"""Translates between the shipping domain and its protos, both ways."""

from uuid import UUID

from google.protobuf.message import Message

from ordermesh.sagas.v1 import sagas_pb2
from ordermesh.shipping.v1 import shipping_events_pb2 as told
from ordermesh.shipping.v1 import shipping_pb2, shipping_service_pb2
from services.shipping import domain
from services.shipping.domain import Fact, Line, Parcel, Shipment
from services.shipping.usecases import BookShipment, CancelShipment, DispatchShipment


def to_coordination(value: sagas_pb2.Coordination.ValueType) -> str:
    """Who carries the order; a caller who does not say is the synchronous chain."""
    return sagas_pb2.Coordination.Name(value or sagas_pb2.COORDINATION_SYNC).removeprefix("COORDINATION_")


def to_book_shipment(request: shipping_service_pb2.BookShipmentRequest) -> BookShipment:
    """The command in a request."""
    parcel = Parcel(UUID(request.customer_id), tuple(Line(line.sku, line.quantity) for line in request.lines))
    return BookShipment(UUID(request.order_id), parcel, to_coordination(request.coordination))


def to_dispatch_shipment(request: shipping_service_pb2.DispatchShipmentRequest) -> DispatchShipment:
    """The command in a request."""
    return DispatchShipment(UUID(request.order_id), to_coordination(request.coordination))


def to_cancel_shipment(request: shipping_service_pb2.CancelShipmentRequest) -> CancelShipment:
    """The command in a request."""
    return CancelShipment(UUID(request.order_id), request.reason, to_coordination(request.coordination))


def to_event(fact: Fact, shipment: Shipment) -> Message:
    """The event that tells a fact of this shipment."""
    order_id = str(fact.order_id)
    match fact:
        case domain.ShipmentBooked():
            return told.ShipmentBooked(order_id=order_id, customer_id=_customer_id(shipment))
        case domain.ShipmentCancelled():
            return told.ShipmentCancelled(order_id=order_id, reason=fact.reason)
        case domain.ShipmentDelivered():
            return told.ShipmentDelivered(order_id=order_id, customer_id=_customer_id(shipment))


def _customer_id(shipment: Shipment) -> str:
    parcel = shipment.parcel
    assert parcel is not None  # noqa: S101 - what is booked has a parcel; the table's check says so too
    return str(parcel.customer_id)


def from_shipment(shipment: Shipment) -> shipping_pb2.Shipment:
    """The shipment on the wire."""
    message = shipping_pb2.Shipment(
        order_id=str(shipment.order_id),
        state=shipping_pb2.ShipmentState.Value(f"SHIPMENT_STATE_{shipment.state}"),
        reason=shipment.reason,
    )
    if shipment.parcel is not None:
        message.customer_id = str(shipment.parcel.customer_id)
        for line in shipment.parcel.lines:
            message.lines.add(sku=line.sku, quantity=line.quantity)
    for name in ("dispatch_time", "deliver_time", "create_time", "update_time"):
        time = getattr(shipment, name)
        if time is not None:
            getattr(message, name).FromDatetime(time)
    return message
