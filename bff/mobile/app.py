"""Builds the mobile BFF: constructors, top to bottom."""

from fastapi import FastAPI

from bff.mobile import openapi
from bff.mobile.backends import Backends, Peers
from bff.mobile.routes import PREFIX, router
from bff.mobile.schemas import READ_ONLY
from bff.mobile.settings import Settings
from kit.channels import Peer
from kit.http_api import handlers
from kit.http_run import HttpApp
from kit.sse import Streams
from kit.tokens import TokenVerifier, keys_of

AUDIENCE = "ordermesh-mobile"
"""Of the tokens that apps sign in for; no others are taken here."""


def build(settings: Settings) -> HttpApp:
    """The whole part, not started yet."""
    peers = Peers(
        users=Peer("users", settings.users_address, for_user=True),
        products=Peer("products", settings.products_address, for_user=True),
        orders=Peer("orders", settings.orders_address, for_user=True),
    )
    return screens(peers, TokenVerifier(keys_of(peers.users), [AUDIENCE]))


def screens(peers: Peers, tokens: TokenVerifier) -> HttpApp:
    """The same before these peers; a test trusts tokens of its own."""
    streams = Streams()
    api = FastAPI(
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=dict(handlers(READ_ONLY)),
    )
    api.include_router(router)
    api.openapi = openapi.document  # type: ignore[method-assign]
    api.state.backends, api.state.tokens, api.state.streams = Backends(peers), tokens, streams
    return HttpApp(api, streams, [peers.users, peers.products, peers.orders])
