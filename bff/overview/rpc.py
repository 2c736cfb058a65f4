"""The RPC of OverviewService: message, use case, message."""

from typing import Any

from bff.overview import usecases
from bff.overview.usecases import Backends
from ordermesh.overview.v1 import overview_service_pb2 as pb
from ordermesh.overview.v1 import overview_service_pb2_grpc


class OverviewServicer(overview_service_pb2_grpc.OverviewServiceServicer):
    """Serves ordermesh.overview.v1.OverviewService."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    async def GetOrderOverview(
        self, request: pb.GetOrderOverviewRequest, context: Any
    ) -> pb.GetOrderOverviewResponse:
        """Read an order with all that belongs to it."""
        overview = await usecases.get_order_overview(request.order_id, self._backends)
        return pb.GetOrderOverviewResponse(overview=overview)
