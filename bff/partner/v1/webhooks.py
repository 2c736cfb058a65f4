"""v1: webhooks. Notifications keeps and sends them (ADR 22)."""

from __future__ import annotations

from uuid import UUID

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from bff.partner.connection import Services
from bff.partner.idempotency import RequestId, derived
from bff.partner.operations import needs, router
from bff.partner.pages import PageQuery, linked
from bff.partner.scopes import WEBHOOKS_MANAGE
from bff.partner.v1 import messages
from bff.partner.v1.schemas import Delivery, Listed, SecretWebhook, Webhook, WebhookToRegister
from ordermesh.notifications.v1 import webhooks_service_pb2 as pb

ROUTER = router("webhooks")
MANAGE = needs(WEBHOOKS_MANAGE)


@ROUTER.post("/webhooks", status_code=201, openapi_extra=MANAGE)
async def create_webhook(
    request: Request,
    response: Response,
    services: Services,
    request_id: RequestId,
    webhook: WebhookToRegister,
) -> SecretWebhook:
    """Register an endpoint, which gets events as soon as it is verified."""
    made = await services.create_endpoint(
        pb.CreateWebhookEndpointRequest(
            request_id=request_id, url=webhook.url, event_types=webhook.event_types
        )
    )
    response.headers["location"] = f"{request.url.path}/{made.endpoint.endpoint_id}"
    return messages.secret_webhook(made.endpoint, made.secret)


@ROUTER.get("/webhooks", openapi_extra=MANAGE)
async def list_webhooks(
    request: Request, response: Response, services: Services, page: PageQuery
) -> Listed[Webhook]:
    """Endpoints, oldest first."""
    found = await services.list_endpoints(page.limit, page.cursor)
    return Listed(
        data=[messages.webhook(each) for each in found.endpoints],
        next_cursor=linked(request, response, found.next_page_token),
    )


@ROUTER.get("/webhooks/{webhook_id}", openapi_extra=MANAGE)
async def get_webhook(services: Services, webhook_id: UUID) -> Webhook:
    """One endpoint."""
    return messages.webhook(await services.endpoint(str(webhook_id)))


@ROUTER.delete("/webhooks/{webhook_id}", status_code=204, openapi_extra=MANAGE)
async def delete_webhook(request: Request, services: Services, webhook_id: UUID) -> None:
    """Remove an endpoint, with its deliveries. To remove it again changes nothing, and is answered so."""
    await services.delete_endpoint(derived(request, str(webhook_id)), str(webhook_id))


@ROUTER.post("/webhooks/{webhook_id}/verify", openapi_extra=MANAGE)
async def verify_webhook(services: Services, request_id: RequestId, webhook_id: UUID) -> Webhook:
    """Send a test message with a challenge. The endpoint is ACTIVE once its answer has repeated that."""
    return messages.webhook(await services.verify_endpoint(request_id, str(webhook_id)))


@ROUTER.post("/webhooks/{webhook_id}/rotate-secret", openapi_extra=MANAGE)
async def rotate_webhook_secret(services: Services, request_id: RequestId, webhook_id: UUID) -> SecretWebhook:
    """Make a new secret. For a while messages are signed with the old one too."""
    rotated = await services.rotate_secret(request_id, str(webhook_id))
    return messages.secret_webhook(rotated.endpoint, rotated.secret)


@ROUTER.get("/webhooks/{webhook_id}/deliveries", openapi_extra=MANAGE)
async def list_deliveries(
    request: Request, response: Response, services: Services, webhook_id: UUID, page: PageQuery
) -> Listed[Delivery]:
    """What was sent to an endpoint and what is to be sent, newest first."""
    found = await services.list_deliveries(str(webhook_id), page.limit, page.cursor)
    return Listed(
        data=[messages.delivery(each) for each in found.deliveries],
        next_cursor=linked(request, response, found.next_page_token),
    )


@ROUTER.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", status_code=202, openapi_extra=MANAGE
)
async def redeliver(
    services: Services, request_id: RequestId, webhook_id: UUID, delivery_id: UUID
) -> Delivery:
    """Send a message again, under the same event id."""
    return messages.delivery(await services.redeliver(request_id, str(webhook_id), str(delivery_id)))


ROUTES = [route for route in ROUTER.routes if isinstance(route, APIRoute)]
