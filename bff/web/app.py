"""Builds the web BFF: constructors, top to bottom."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bff.web import graphiql
from bff.web.backends import Backends, Peers
from bff.web.documents import Documents
from bff.web.endpoint import Endpoint
from bff.web.schema import SCHEMA
from bff.web.settings import Settings
from bff.web.trusted import Trusted, read
from kit.channels import Peer
from kit.http_errors import HANDLERS
from kit.http_run import HttpApp
from kit.sse import Streams
from kit.tokens import TokenVerifier, keys_of

PATH = "/web/graphql"
AUDIENCE = "ordermesh-web"
"""Of the tokens that pages sign in for; no others are taken here."""


def build(settings: Settings) -> HttpApp:
    """The whole part, not started yet."""
    peers = Peers(
        users=Peer("users", settings.users_address, for_user=True),
        products=Peer("products", settings.products_address, for_user=True),
        orders=Peer("orders", settings.orders_address, for_user=True),
        payments=Peer("payments", settings.payments_address, for_user=True),
        shipping=Peer("shipping", settings.shipping_address, for_user=True),
    )
    return graph(settings, peers, TokenVerifier(keys_of(peers.users), [AUDIENCE]))


def graph(settings: Settings, peers: Peers, tokens: TokenVerifier) -> HttpApp:
    """The same before these peers; a test trusts tokens of its own."""
    streams = Streams()
    documents = Documents(SCHEMA._schema, development=settings.profile == "dev")
    trusted = Trusted(read(settings.documents) if settings.documents else None)
    endpoint = Endpoint(SCHEMA, (trusted, documents), Backends(peers), tokens, streams)
    routes = [Route(PATH, endpoint.serve, methods=["GET", "POST"])]
    if settings.profile == "dev":
        routes = [Route(PATH, _graph_or_page(endpoint), methods=["GET", "POST"]), *graphiql.routes()]
    return HttpApp(
        Starlette(routes=routes, exception_handlers=dict(HANDLERS)),
        streams,
        [peers.users, peers.products, peers.orders, peers.payments, peers.shipping],
    )


def _graph_or_page(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        return graphiql.redirect() if graphiql.is_for(request) else await endpoint.serve(request)

    return serve
