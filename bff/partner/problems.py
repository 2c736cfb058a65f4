"""What partners are told when something is refused or fails: problem+json, by the table of bad input.

What services say of a request_id or a page token is said of what the partner sent instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from bff.partner.scopes import INSUFFICIENT
from kit import http_errors
from kit.channels import Unanswered
from kit.errors import Problem, Violation
from kit.http_api import handlers

_PAGE = {("query", "limit"), ("query", "cursor")}
_SHOWN_DETAILS = ("invalid", "missing", "refused")
"""Of errors that the partner can do something about."""
_BY_CAUSE: Mapping[str, Problem] = {
    "REQUEST_IN_PROGRESS": Problem(
        "conflict", "IDEMPOTENCY_KEY_IN_FLIGHT", "the first request with this key is under way; ask again"
    ),
    "DEADLINE_EXCEEDED": Problem(
        "too_late", "UPSTREAM_TIMEOUT", "the answer was not ready in time; try again with the same key"
    ),
}
"""Why a service gave no decision, where that is not simply that it is away."""
_BY_REASON: Mapping[str, Problem] = {
    "REQUEST_ID_MISMATCH": Problem(
        "invalid", "IDEMPOTENCY_KEY_REUSED", "this key was used with another content; take a new one"
    ),
}


def told(error: Exception) -> Exception:
    """A service's error, as it is said of a partner's request."""
    if not isinstance(error, Problem):
        return error
    if isinstance(error, Unanswered):
        return _BY_CAUSE.get(error.details.get("cause", ""), error)
    if error.reason == "TOO_MANY_WEBHOOK_ENDPOINTS":  # what was sent cannot be taken: 422, and no conflict
        return Problem("invalid", error.reason, str(error), error.details)
    return _BY_REASON.get(error.reason, error)


async def of_problem(request: Request, error: Exception) -> Response:
    """An answer that says what went wrong."""
    visible = told(error)
    if isinstance(visible, Problem) and visible.reason == "PAGE_TOKEN_INVALID":
        said = "use the next_cursor of the page before, with the same other parameters"
        wrong = [Violation("cursor", said)]
        return http_errors.response(Problem("invalid", "PAGE_INVALID", said, violations=wrong))
    shown = isinstance(visible, Problem) and visible.kind in _SHOWN_DETAILS
    details = visible.details if shown and isinstance(visible, Problem) else {}
    answer = http_errors.response(visible, {"details": details} if details else None)
    if isinstance(visible, Problem) and visible.reason == INSUFFICIENT:  # RFC 6750, section 3.1
        scope = visible.details["scope"]
        answer.headers["www-authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'
    return answer


async def of_page(request: Request, error: Exception) -> Response:
    """An answer that names every value that cannot be taken; pages have a code of their own."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it only
    if all(tuple(each["loc"]) in _PAGE for each in error.errors()):
        wrong = [Violation(each["loc"][1], str(each["msg"])) for each in error.errors()]
        said = "the page that is asked for cannot be"
        return http_errors.response(Problem("invalid", "PAGE_INVALID", said, violations=wrong))
    told_by_all = handlers(request.app.state.read_only)[RequestValidationError]
    return await told_by_all(request, error)


async def of_routing(request: Request, error: Exception) -> Response:
    """An answer to what is not served here; `allow` names all methods of a path, not those of one route."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it only
    answer = await http_errors.HANDLERS[HTTPException](request, error)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = {
            method
            for route in request.app.routes
            if route.matches(request.scope)[0] is not Match.NONE
            for method in route.methods or ()
        }
        answer.headers["allow"] = ", ".join(sorted(allowed))
    return answer


HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: of_routing,
    RequestValidationError: of_page,
    Problem: of_problem,
    Exception: of_problem,
}
"""For `exception_handlers` of each version's application."""
