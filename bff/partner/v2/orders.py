"""v2: orders, as they are read."""

from __future__ import annotations

from uuid import UUID

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from bff.partner.connection import Services
from bff.partner.operations import needs, router
from bff.partner.pages import PageQuery, linked
from bff.partner.scopes import ORDERS_READ
from bff.partner.v2 import messages
from bff.partner.v2.schemas import Order, Orders

ROUTER = router("orders")


@ROUTER.get("/orders", openapi_extra=needs(ORDERS_READ))
async def list_orders(request: Request, response: Response, services: Services, page: PageQuery) -> Orders:
    """Orders, newest first."""
    found = await services.list_orders(page.limit, page.cursor)
    return Orders(
        orders=[messages.order(each) for each in found.orders],
        next_cursor=linked(request, response, found.next_page_token),
    )


@ROUTER.get("/orders/{order_id}", openapi_extra=needs(ORDERS_READ))
async def get_order(services: Services, order_id: UUID) -> Order:
    """One order."""
    return messages.order(await services.order(str(order_id)))


ROUTES = [route for route in ROUTER.routes if isinstance(route, APIRoute)]
