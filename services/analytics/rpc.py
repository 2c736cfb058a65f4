"""The AnalyticsService RPCs: message, use case, message."""

from typing import Any

from ordermesh.analytics.v1 import analytics_service_pb2 as pb
from ordermesh.analytics.v1 import analytics_service_pb2_grpc
from services.analytics import messages, usecases
from services.analytics.usecases import UnitOfWork


class AnalyticsServicer(analytics_service_pb2_grpc.AnalyticsServiceServicer):
    """Serves ordermesh.analytics.v1.AnalyticsService."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def ListSales(self, request: pb.ListSalesRequest, context: Any) -> pb.ListSalesResponse:
        """List the sales by product and hour."""
        query = messages.to_list_sales(request)
        found = await usecases.list_sales(query, self._uow)
        return messages.from_page(found, query.size, request)

    async def GetTotals(self, request: pb.GetTotalsRequest, context: Any) -> pb.GetTotalsResponse:
        """Read the sums over all products and hours."""
        return messages.from_totals(await usecases.get_totals(self._uow))
