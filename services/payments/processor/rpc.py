"""The ProcessorService RPCs: message, command, use case, message."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from kit.background import Background
from ordermesh.processor.v1 import processor_service_pb2 as pb
from ordermesh.processor.v1 import processor_service_pb2_grpc
from services.payments.processor import messages, usecases
from services.payments.processor.domain import Charge, Decision
from services.payments.processor.usecases import UnitOfWork


class ProcessorServicer(processor_service_pb2_grpc.ProcessorServiceServicer):
    """Serves ordermesh.processor.v1.ProcessorService."""

    def __init__(self, uow: UnitOfWork, background: Background) -> None:
        self._uow = uow
        self._background = background

    async def CreateCharge(self, request: pb.CreateChargeRequest, context: Any) -> pb.CreateChargeResponse:
        """Charge once a key."""
        command = messages.to_create_charge(request)
        charge = await self._to_the_end(usecases.create_charge(command, self._uow))
        return pb.CreateChargeResponse(charge=messages.from_charge(charge))

    async def CreateAuthorization(
        self, request: pb.CreateAuthorizationRequest, context: Any
    ) -> pb.CreateAuthorizationResponse:
        """Set money aside once a key."""
        command = messages.to_create_authorization(request)
        charge = await self._to_the_end(usecases.create_authorization(command, self._uow))
        return pb.CreateAuthorizationResponse(charge=messages.from_charge(charge))

    async def CaptureAuthorization(
        self, request: pb.CaptureAuthorizationRequest, context: Any
    ) -> pb.CaptureAuthorizationResponse:
        """Move what was set aside, once."""
        key = messages.to_key(request.key)
        charge = await self._to_the_end(usecases.capture_authorization(key, self._uow))
        return pb.CaptureAuthorizationResponse(charge=messages.from_charge(charge))

    async def _to_the_end(self, work: Coroutine[Any, Any, Decision]) -> Charge:
        """The answer; like a real processor, it goes on when the merchant has hung up."""
        decision: Decision = await asyncio.shield(self._background.spawn(work, "move_money"))
        return decision.answer()

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
