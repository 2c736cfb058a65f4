"""The WebhooksService RPCs: message, command, use case, message; each about the token's own account."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from kit import call, pages
from kit.requests import request_key
from ordermesh.notifications.v1 import webhooks_service_pb2 as pb
from ordermesh.notifications.v1 import webhooks_service_pb2_grpc
from services.notifications.webhooks import messages, usecases, verification
from services.notifications.webhooks.usecases import Resolver, UnitOfWork
from services.notifications.webhooks.verification import Poster


@dataclass(frozen=True)
class Rules:
    """What is configured: whether local targets are taken, how long secrets overlap, how long we wait."""

    local: bool
    overlap: timedelta
    attempt_seconds: float


class WebhooksServicer(webhooks_service_pb2_grpc.WebhooksServiceServicer):
    """Serves ordermesh.notifications.v1.WebhooksService."""

    def __init__(
        self,
        uow: UnitOfWork,
        resolver: Resolver,
        poster: Poster,
        rules: Rules,
        look: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._uow = uow
        self._resolver = resolver
        self._poster = poster
        self._rules = rules
        self._look = look
        self._clock = clock

    async def CreateWebhookEndpoint(
        self, request: pb.CreateWebhookEndpointRequest, context: Any
    ) -> pb.CreateWebhookEndpointResponse:
        """Register an endpoint."""
        command = messages.to_create(request, _account())
        endpoint, secret = await usecases.create_endpoint(
            command, self._uow, self._resolver, local=self._rules.local
        )
        return pb.CreateWebhookEndpointResponse(endpoint=messages.from_endpoint(endpoint), secret=secret)

    async def GetWebhookEndpoint(
        self, request: pb.GetWebhookEndpointRequest, context: Any
    ) -> pb.GetWebhookEndpointResponse:
        """Read one endpoint."""
        endpoint = await usecases.get_endpoint(UUID(request.endpoint_id), _account(), self._uow)
        return pb.GetWebhookEndpointResponse(endpoint=messages.from_endpoint(endpoint))

    async def ListWebhookEndpoints(
        self, request: pb.ListWebhookEndpointsRequest, context: Any
    ) -> pb.ListWebhookEndpointsResponse:
        """List the account's endpoints, oldest first."""
        scope, size = f"ListWebhookEndpoints {_account()}", pages.size(request.page_size)
        after = messages.to_position(request.page_token, scope)
        found = await usecases.list_endpoints(_account(), after, size, self._uow)
        return messages.from_endpoints(found, size, scope)

    async def DeleteWebhookEndpoint(
        self, request: pb.DeleteWebhookEndpointRequest, context: Any
    ) -> pb.DeleteWebhookEndpointResponse:
        """Remove an endpoint."""
        key = request_key(_account(), request)
        await usecases.delete_endpoint(key, UUID(request.endpoint_id), _account(), self._uow)
        return pb.DeleteWebhookEndpointResponse()

    async def VerifyWebhookEndpoint(
        self, request: pb.VerifyWebhookEndpointRequest, context: Any
    ) -> pb.VerifyWebhookEndpointResponse:
        """Send a test message, and wait for its answer."""
        command = messages.to_verify(request, _account(), self._rules.attempt_seconds)
        endpoint = await verification.verify_endpoint(command, self._uow, self._poster, self._clock())
        return pb.VerifyWebhookEndpointResponse(endpoint=messages.from_endpoint(endpoint))

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, context: Any
    ) -> pb.RotateWebhookSecretResponse:
        """Sign with a new secret."""
        command = messages.to_rotate(request, _account())
        endpoint, secret = await usecases.rotate_secret(command, self._uow, self._rules.overlap)
        return pb.RotateWebhookSecretResponse(endpoint=messages.from_endpoint(endpoint), secret=secret)

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, context: Any
    ) -> pb.ListWebhookDeliveriesResponse:
        """List what was sent to an endpoint and what is to be sent, newest first."""
        endpoint_id, size = UUID(request.endpoint_id), pages.size(request.page_size)
        scope = f"ListWebhookDeliveries {_account()} {endpoint_id}"
        after = messages.to_position(request.page_token, scope)
        found = await usecases.list_deliveries(endpoint_id, _account(), after, size, self._uow)
        return messages.from_deliveries(found, size, scope)

    async def RedeliverWebhook(
        self, request: pb.RedeliverWebhookRequest, context: Any
    ) -> pb.RedeliverWebhookResponse:
        """Send a delivery again."""
        delivery = await usecases.redeliver_webhook(messages.to_redeliver(request, _account()), self._uow)
        self._look()
        return pb.RedeliverWebhookResponse(delivery=messages.from_delivery(delivery))


def _account() -> UUID:
    return call.caller().user_id
