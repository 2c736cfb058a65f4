"""What a client's token may allow, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from kit.errors import Problem
from kit.http_guard import authenticate
from kit.tokens import TokenVerifier

PRODUCTS_READ = "products:read"
ORDERS_READ = "orders:read"
ORDERS_WRITE = "orders:write"
WEBHOOKS_MANAGE = "webhooks:manage"
SCOPES: Mapping[str, str] = {
    PRODUCTS_READ: "read the catalogue",
    ORDERS_READ: "read orders and their history",
    ORDERS_WRITE: "place and cancel orders",
    WEBHOOKS_MANAGE: "register webhooks, and see what was sent",
}
"""Every scope, and what it allows."""
INSUFFICIENT = "INSUFFICIENT_SCOPE"


async def check_scope(request: Request, tokens: TokenVerifier, scope: str) -> None:
    """Remember who calls, if the token allows this; else raises TOKEN_… or INSUFFICIENT_SCOPE."""
    caller = await authenticate(request, tokens)
    if scope not in caller.scopes:
        said = f"the token does not allow to {SCOPES[scope]}: ask for one with the scope {scope}"
        raise Problem("denied", INSUFFICIENT, said, {"scope": scope})
