"""v1: the catalogue."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from fastapi.routing import APIRoute
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from bff.partner.connection import Services
from bff.partner.operations import needs, router
from bff.partner.pages import Page, linked
from bff.partner.scopes import PRODUCTS_READ
from bff.partner.v1 import messages
from bff.partner.v1.schemas import Listed, Product, Sku

ROUTER = router("products")


class CataloguePage(Page):
    """Which page of the catalogue."""

    query: str = Field(
        "",
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Words that occur in title, description or category.",
    )


@ROUTER.get("/products", openapi_extra=needs(PRODUCTS_READ))
async def list_products(
    request: Request, response: Response, services: Services, page: Annotated[CataloguePage, Query()]
) -> Listed[Product]:
    """The catalogue, by sku."""
    found = await services.list_products(page.limit, page.cursor, page.query)
    return Listed(
        data=[messages.product(each) for each in found.products],
        next_cursor=linked(request, response, found.next_page_token),
    )


@ROUTER.get("/products/{sku}", openapi_extra=needs(PRODUCTS_READ))
async def get_product(services: Services, sku: Sku) -> Product:
    """One product; 404 PRODUCT_NOT_FOUND if there is none."""
    return messages.product(await services.product(sku))


ROUTES = [route for route in ROUTER.routes if isinstance(route, APIRoute)]
