"""The InventoryService RPCs: message, command, use case, message."""

from datetime import timedelta
from typing import Any

from kit import call
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1 import inventory_service_pb2_grpc
from services.inventory import messages, usecases
from services.inventory.usecases import UnitOfWork


class InventoryServicer(inventory_service_pb2_grpc.InventoryServiceServicer):
    """Serves ordermesh.inventory.v1.InventoryService."""

    def __init__(self, uow: UnitOfWork, hold: timedelta) -> None:
        self._uow = uow
        self._hold = hold

    async def ReserveStock(self, request: pb.ReserveStockRequest, context: Any) -> pb.ReserveStockResponse:
        """Hold all lines of an order or none."""
        command = messages.to_reserve_stock(request)
        decision = await usecases.reserve_stock(command, self._uow, self._hold)
        return pb.ReserveStockResponse(reservation=messages.from_reservation(decision.answer()))

    async def ReleaseStock(self, request: pb.ReleaseStockRequest, context: Any) -> pb.ReleaseStockResponse:
        """Give an order's stock back."""
        decision = await usecases.release_stock(messages.to_release_stock(request), self._uow)
        return pb.ReleaseStockResponse(reservation=messages.from_reservation(decision.answer()))

    async def CommitStock(self, request: pb.CommitStockRequest, context: Any) -> pb.CommitStockResponse:
        """Mark an order's stock as sold."""
        decision = await usecases.commit_stock(messages.to_commit_stock(request), self._uow)
        return pb.CommitStockResponse(reservation=messages.from_reservation(decision.answer()))

    async def GetStock(self, request: pb.GetStockRequest, context: Any) -> pb.GetStockResponse:
        """Read the stock of one product."""
        stock = await usecases.get_stock(request.sku, self._uow)
        return pb.GetStockResponse(stock=messages.from_stock(stock))

    async def Restock(self, request: pb.RestockRequest, context: Any) -> pb.RestockResponse:
        """Add stock of one product."""
        command = messages.to_restock(request, call.caller().user_id)
        stock = await usecases.restock(command, self._uow)
        return pb.RestockResponse(stock=messages.from_stock(stock))
