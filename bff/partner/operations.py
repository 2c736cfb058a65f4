"""One operation of the API: whether it may be done at all is settled before its parameters are looked at."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bff.partner.scopes import check_scope
from kit.http_api import JSON, StrictRoute, accepted

SECURITY_SCHEME = "client"
DEPRECATED_FROM = datetime(2026, 11, 1, tzinfo=UTC)
SUNSET = datetime(2027, 11, 1, tzinfo=UTC)
"""Until then, at least, what is deprecated is served."""


class Operation(StrictRoute):
    """A route that wants a scope. What the document says of it is what is checked."""

    @property
    def scope(self) -> str:
        """What the token must allow."""
        ((scope,),) = (each[SECURITY_SCHEME] for each in (self.openapi_extra or {})["security"])
        return str(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request: the handler of every operation, behind our questions."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            await check_scope(request, request.app.state.tokens, self.scope)
            accepted(request, JSON)
            answered = await handle(request)
            answered.headers["cache-control"] = "no-store"
            if self.deprecated:
                for name, value in _farewell(request).items():
                    answered.headers.append(name, value)  # beside the link to the next page
            return answered

        return answer


def router(tag: str) -> APIRouter:
    """A router of operations, each of which has its function's name in the document."""
    return APIRouter(route_class=Operation, tags=[tag], generate_unique_id_function=lambda route: route.name)


def needs(scope: str) -> dict[str, Any]:
    """The argument of a route that says what the token must allow."""
    return {"security": [{SECURITY_SCHEME: [scope]}]}


def _farewell(request: Request) -> dict[str, str]:
    """RFC 9745 and RFC 8594: since when it is deprecated, until when it is there, and what to use instead."""
    successor = request.url.path.replace("/v1/", "/v2/", 1)
    return {
        "deprecation": f"@{int(DEPRECATED_FROM.timestamp())}",
        "sunset": format_datetime(SUNSET, usegmt=True),
        "link": f'<{successor}>; rel="successor-version"',
    }
