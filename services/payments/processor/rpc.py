"""The ProcessorService RPCs: message, command, use case, message."""

import asyncio
from typing import Any

from kit.background import Background
from ordermesh.processor.v1 import processor_service_pb2 as pb
from ordermesh.processor.v1 import processor_service_pb2_grpc
from services.payments.processor import messages, usecases
from services.payments.processor.usecases import UnitOfWork


class ProcessorServicer(processor_service_pb2_grpc.ProcessorServiceServicer):
    """Serves ordermesh.processor.v1.ProcessorService."""

    def __init__(self, uow: UnitOfWork, background: Background) -> None:
        self._uow = uow
        self._background = background

    async def CreateCharge(self, request: pb.CreateChargeRequest, context: Any) -> pb.CreateChargeResponse:
        """Charge once a key; like a real one, it goes on when the merchant has hung up."""
        command = messages.to_create_charge(request)
        work = self._background.spawn(usecases.create_charge(command, self._uow), "create_charge")
        decision = await asyncio.shield(work)
        return pb.CreateChargeResponse(charge=messages.from_charge(decision.answer()))

    async def VoidCharge(self, request: pb.VoidChargeRequest, context: Any) -> pb.VoidChargeResponse:
        """Kill a key."""
        charge = await usecases.void_charge(messages.to_key(request.key), self._uow)
        return pb.VoidChargeResponse(charge=messages.from_charge(charge))

    async def RefundCharge(self, request: pb.RefundChargeRequest, context: Any) -> pb.RefundChargeResponse:
        """Pay a charge back, once."""
        charge = await usecases.refund_charge(messages.to_key(request.key), self._uow)
        return pb.RefundChargeResponse(charge=messages.from_charge(charge))

    async def GetCharge(self, request: pb.GetChargeRequest, context: Any) -> pb.GetChargeResponse:
        """Read a charge."""
        charge = await usecases.get_charge(messages.to_key(request.key), self._uow)
        return pb.GetChargeResponse(charge=messages.from_charge(charge))
