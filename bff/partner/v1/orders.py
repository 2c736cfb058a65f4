"""v1: orders. An order is accepted at once; how it ends is told by webhooks, or to who asks again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from bff.partner.connection import Services
from bff.partner.idempotency import RequestId
from bff.partner.operations import needs, router
from bff.partner.pages import PageQuery, linked
from bff.partner.scopes import ORDERS_READ, ORDERS_WRITE
from bff.partner.v1 import messages
from bff.partner.v1.schemas import History, Listed, Order, OrderToPlace
from kit.errors import access_denied
from ordermesh.orders.v1 import orders_pb2
from ordermesh.orders.v1 import orders_service_pb2 as pb

ROUTER = router("orders")


@ROUTER.post("/orders", status_code=201, openapi_extra=needs(ORDERS_WRITE))
async def create_order(
    request: Request, response: Response, services: Services, request_id: RequestId, order: OrderToPlace
) -> Order:
    """Place an order. It is accepted, PENDING; CONFIRMED or CANCELLED comes later."""
    placed = await services.place_order(
        pb.PlaceOrderRequest(
            request_id=request_id,
            lines=[pb.PlaceOrderLine(sku=line.sku, quantity=line.quantity) for line in order.lines],
            payment_token=order.payment_token,
            coordination=orders_pb2.COORDINATION_CHOREOGRAPHY,
            wait=orders_pb2.WAIT_ACCEPTED,
        )
    )
    response.headers["location"] = f"{request.url.path}/{placed.order_id}"
    return messages.order(placed)


@ROUTER.get("/orders", deprecated=True, openapi_extra=needs(ORDERS_READ))
async def list_orders(
    request: Request, response: Response, services: Services, page: PageQuery
) -> Listed[Order]:
    """Orders, newest first."""
    found = await services.list_orders(page.limit, page.cursor)
    return Listed(
        data=[messages.order(each) for each in found.orders],
        next_cursor=linked(request, response, found.next_page_token),
    )


@ROUTER.get("/orders/{order_id}", deprecated=True, openapi_extra=needs(ORDERS_READ))
async def get_order(services: Services, order_id: UUID) -> Order:
    """One order."""
    return messages.order(await services.order(str(order_id)))


@ROUTER.post("/orders/{order_id}/cancel", openapi_extra=needs(ORDERS_WRITE))
async def cancel_order(services: Services, request_id: RequestId, order_id: UUID) -> Order:
    """Ask to cancel an order. The payment decides: 409 ORDER_NOT_CANCELLABLE once it is charged."""
    return messages.order(await services.cancel_order(request_id, str(order_id)))


@ROUTER.get("/orders/{order_id}/events", openapi_extra=needs(ORDERS_READ))
async def list_order_events(
    services: Services, order_id: UUID, after_version: Annotated[int, Query(ge=0, lt=2**31)] = 0
) -> History:
    """What happened to an order behind a version, in order, without gap or repeat."""
    history = await services.history(str(order_id))
    if not history:  # every order that is ours has one
        raise access_denied()
    return History(
        events=[messages.event(each) for each in history if each.version > after_version],
        version=history[-1].version,
    )


ROUTES = [route for route in ROUTER.routes if isinstance(route, APIRoute)]
