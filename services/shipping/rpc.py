"""The RPCs of ShippingService and TrackingService: message, command, use case, message."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from kit import call
from ordermesh.shipping.v1 import shipping_service_pb2 as pb
from ordermesh.shipping.v1 import shipping_service_pb2_grpc
from services.shipping import messages, usecases
from services.shipping.usecases import UnitOfWork


class ShippingServicer(shipping_service_pb2_grpc.ShippingServiceServicer):
    """Serves ordermesh.shipping.v1.ShippingService."""

    def __init__(self, uow: UnitOfWork, delivery: timedelta) -> None:
        self._uow = uow
        self._delivery = delivery

    async def BookShipment(self, request: pb.BookShipmentRequest, context: Any) -> pb.BookShipmentResponse:
        """Book the carrier for all lines of an order."""
        shipment = await usecases.book_shipment(messages.to_book_shipment(request), self._uow)
        return pb.BookShipmentResponse(shipment=messages.from_shipment(shipment))

    async def DispatchShipment(
        self, request: pb.DispatchShipmentRequest, context: Any
    ) -> pb.DispatchShipmentResponse:
        """Hand a booked shipment over to the carrier."""
        command = messages.to_dispatch_shipment(request)
        shipment = await usecases.dispatch_shipment(command, self._uow, self._delivery)
        return pb.DispatchShipmentResponse(shipment=messages.from_shipment(shipment))

    async def CancelShipment(
        self, request: pb.CancelShipmentRequest, context: Any
    ) -> pb.CancelShipmentResponse:
        """Cancel a booking, or the one that may still come."""
        shipment = await usecases.cancel_shipment(messages.to_cancel_shipment(request), self._uow)
        return pb.CancelShipmentResponse(shipment=messages.from_shipment(shipment))


class TrackingServicer(shipping_service_pb2_grpc.TrackingServiceServicer):
    """Serves ordermesh.shipping.v1.TrackingService."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def GetShipment(self, request: pb.GetShipmentRequest, context: Any) -> pb.GetShipmentResponse:
        """Read the shipment of one of the caller's orders."""
        shipment = await usecases.get_shipment(UUID(request.order_id), call.caller(), self._uow)
        return pb.GetShipmentResponse(shipment=messages.from_shipment(shipment))

    async def BatchGetShipments(
        self, request: pb.BatchGetShipmentsRequest, context: Any
    ) -> pb.BatchGetShipmentsResponse:
        """Read the shipments of several of the caller's orders."""
        order_ids = [UUID(order_id) for order_id in request.order_ids]
        shipments = await usecases.batch_get_shipments(order_ids, call.caller(), self._uow)
        return pb.BatchGetShipmentsResponse(shipments=map(messages.from_shipment, shipments))
