"""What partners are told when something is refused or fails: problem+json, by the table of bad input.

What services say of a request_id or a page token is said of what the partner sent instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from bff.partner.idempotency import HEADER, KEY_REQUIRED
from bff.partner.scopes import INSUFFICIENT
from kit import http_errors
from kit.channels import Unanswered
from kit.errors import Problem

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
        return _invalid("PAGE_INVALID", said, [{"pointer": "/cursor", "detail": said}])
    shown = isinstance(visible, Problem) and visible.kind in _SHOWN_DETAILS
    details = visible.details if shown and isinstance(visible, Problem) else {}
    answer = http_errors.response(visible, {"details": details} if details else None)
    if isinstance(visible, Problem) and visible.reason == INSUFFICIENT:  # RFC 6750, section 3.1
        scope = visible.details["scope"]
        answer.headers["www-authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'
    return answer


async def of_validation(request: Request, error: Exception) -> Response:
    """An answer that names every value that cannot be taken."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it only
    found = error.errors()
    if any(each["loc"][0] == "header" for each in found):
        said = f"send a header {HEADER}: 1 to 255 visible characters of ASCII, a new one for each new request"
        return http_errors.response(Problem("invalid", KEY_REQUIRED, said))
    read_only = request.app.state.read_only
    reasons = {_reason(each, read_only) for each in found}
    reason = reasons.pop() if len(reasons) == 1 else "VALIDATION_FAILED"
    wrong = [{"pointer": pointer(each["loc"][1:]), "detail": str(each["msg"])} for each in found]
    return _invalid(reason, "what was sent cannot be taken; see `errors`", wrong)


def pointer(path: Sequence[Any]) -> str:
    """The place of a value as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _reason(found: Mapping[str, Any], read_only: frozenset[str]) -> str:
    where, *path = found["loc"]
    if where == "query" and path and path[0] in ("limit", "cursor"):
        return "PAGE_INVALID"
    if found["type"] == "extra_forbidden":
        return "READ_ONLY_FIELD" if path[-1] in read_only else "UNKNOWN_FIELD"
    return "VALIDATION_FAILED"


def _invalid(reason: str, said: str, wrong: Sequence[Mapping[str, str]]) -> Response:
    return http_errors.response(Problem("invalid", reason, said), {"errors": wrong})


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
    RequestValidationError: of_validation,
    Problem: of_problem,
    Exception: of_problem,
}
"""For `exception_handlers` of each version's application."""
