"""Builds the partners' backend: constructors, top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from bff.partner import documents
from bff.partner.backends import Backends, Peers
from bff.partner.oauth import TokenEndpoint
from bff.partner.problems import HANDLERS
from bff.partner.settings import Settings
from bff.partner.v1 import orders as orders_v1
from bff.partner.v1 import products, webhooks
from bff.partner.v1.schemas import READ_ONLY
from bff.partner.v2 import orders as orders_v2
from kit.channels import Peer
from kit.http_api import JSON
from kit.http_run import HttpApp
from kit.sse import Streams
from kit.tokens import TokenVerifier, keys_of

AUDIENCE = "ordermesh-partner"
"""Of the tokens of clients; no others are taken here."""


def v1() -> FastAPI:
    """The first version of the contract."""
    return _version("v1", [*products.ROUTES, *orders_v1.ROUTES, *webhooks.ROUTES], READ_ONLY)


def v2() -> FastAPI:
    """The second: orders only, so far."""
    return _version("v2", orders_v2.ROUTES, frozenset())


VERSIONS: Mapping[str, Callable[[], FastAPI]] = {"v1": v1, "v2": v2}


def build(settings: Settings) -> HttpApp:
    """The whole part, not started yet."""
    peers = Peers(
        users=Peer("users", settings.users_address),
        products=Peer("products", settings.products_address, for_user=True),
        orders=Peer("orders", settings.orders_address, for_user=True),
        notifications=Peer("notifications", settings.notifications_address, for_user=True),
    )
    return api(peers, TokenVerifier(keys_of(peers.users), [AUDIENCE]))


def api(peers: Peers, tokens: TokenVerifier) -> HttpApp:
    """The same before these peers; a test trusts tokens of its own."""
    backends = Backends(peers)
    routes: list[Route | Mount] = [
        Route(documents.TOKEN_PATH, TokenEndpoint(backends).serve, methods=["POST"]),
    ]
    for name, version in VERSIONS.items():
        app = version()
        app.state.backends, app.state.tokens = backends, tokens
        routes.append(Mount(f"/partner/{name}", app))
    served = Starlette(routes=routes, exception_handlers=dict(HANDLERS))
    served.router.redirect_slashes = False
    return HttpApp(served, Streams(), [peers.users, peers.products, peers.orders, peers.notifications])


def _version(name: str, routes: Sequence[APIRoute], read_only: frozenset[str]) -> FastAPI:
    app = FastAPI(
        title="OrderMesh for partners",
        version=name,
        description="Products, orders and webhooks, for programs of partners.",
        servers=[{"url": f"/partner/{name}"}],
        routes=list(routes),
        exception_handlers=dict(HANDLERS),
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.read_only = read_only

    async def openapi(request: Request) -> Response:
        return Response(documents.text(app), media_type=JSON)

    app.router.routes.append(Route("/openapi.json", openapi, methods=["GET"]))
    return app
