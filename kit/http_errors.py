"""What an HTTP client is told when something is refused or fails: RFC 9457, `application/problem+json`.

The same errors as in `kit.errors`, said by their kind and reason: `code` is the reason, `errors` the fields
that are wrong. Everything that is not meant for callers is INTERNAL, without a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kit import telemetry
from kit.errors import RETRY_AFTER_SECONDS, CallerVisible, Problem, Violation
from kit.logs import log

MEDIA_TYPE = "application/problem+json"

BY_KIND: Mapping[str, HTTPStatus] = {
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "denied": HTTPStatus.FORBIDDEN,
    "missing": HTTPStatus.NOT_FOUND,
    "refused": HTTPStatus.CONFLICT,
    "conflict": HTTPStatus.CONFLICT,
    "exhausted": HTTPStatus.TOO_MANY_REQUESTS,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "unimplemented": HTTPStatus.NOT_IMPLEMENTED,
    "too_late": HTTPStatus.GATEWAY_TIMEOUT,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
}
BY_REASON: Mapping[str, HTTPStatus] = {
    "MALFORMED_JSON": HTTPStatus.BAD_REQUEST,
    "BAD_REQUEST": HTTPStatus.BAD_REQUEST,
    "ROUTE_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "NOT_ACCEPTABLE": HTTPStatus.NOT_ACCEPTABLE,
    "PAYLOAD_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "VERSION_CONFLICT": HTTPStatus.PRECONDITION_FAILED,
    "PRECONDITION_REQUIRED": HTTPStatus.PRECONDITION_REQUIRED,
    "IDEMPOTENCY_KEY_REQUIRED": HTTPStatus.BAD_REQUEST,
}
"""Reasons that HTTP has a status of its own for."""
_ROUTING = {404: ("missing", "ROUTE_NOT_FOUND"), 405: ("invalid", "METHOD_NOT_ALLOWED")}
_RETRIED = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)


def shown(error: BaseException) -> CallerVisible:
    """The error as a caller may see it, and a line in the log if it is ours or a dependency's fault."""
    if isinstance(error, TimeoutError):
        error = Problem("too_late", "UPSTREAM_TIMEOUT", "the answer was not ready in time; try again")
    if not isinstance(error, CallerVisible):
        log().error("request_failed", exc_info=error)
        return Problem("internal", "INTERNAL", "internal error; the log has it under the trace id")
    if error.kind in ("unavailable", "too_late"):
        log().warning("request_unavailable", reason=error.reason, detail=str(error))
    return error


def status_of(error: CallerVisible) -> HTTPStatus:
    """The HTTP status of an error."""
    return BY_REASON.get(error.reason) or BY_KIND[error.kind]


def response(error: BaseException, members: Mapping[str, Any] | None = None) -> Response:
    """The answer to a request that ended with this error; `members` are further ones, or other values."""
    visible = shown(error)
    status = status_of(visible)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": str(visible),
        "code": visible.reason,
        "traceId": telemetry.trace_id(),
    }
    if violations := violations_of(visible):
        body["errors"] = [{"pointer": pointer(v.field), "detail": v.description} for v in violations]
    return Response(json.dumps(body | dict(members or {})), int(status), headers_of(visible), MEDIA_TYPE)


def headers_of(error: CallerVisible) -> dict[str, str]:
    """What HTTP says of an error outside of the body."""
    status = status_of(error)
    if status is HTTPStatus.UNAUTHORIZED:
        told = "" if error.reason == "TOKEN_MISSING" else ' error="invalid_token"'
        return {"www-authenticate": f"Bearer{told}"}
    return {"retry-after": str(RETRY_AFTER_SECONDS)} if status in _RETRIED else {}


def violations_of(error: CallerVisible) -> Sequence[Violation]:
    """The fields that are wrong, if it is about fields."""
    found: Sequence[Violation] = getattr(error, "violations", ())
    field = getattr(error, "field", "")
    return (Violation(field, str(error)),) if field else found


def pointer(field: str) -> str:
    """A field's path, such as `lines[0].sku`, as a JSON pointer: `/lines/0/sku`."""
    return "".join(f"/{part}" for part in re.split(r"[.\[\]]+", field) if part)


async def _of_routing(request: Request, error: Exception) -> Response:
    """What the framework says itself: nothing is served here, or not by this method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it only
    kind, reason = _ROUTING.get(error.status_code, ("invalid", "BAD_REQUEST"))
    answer = response(Problem(kind, reason, f"{request.method} {request.url.path}: {error.detail}"))
    answer.headers.update(error.headers or {})
    return answer


async def _of_anything(request: Request, error: Exception) -> Response:
    return response(error)


HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _of_routing,
    Problem: _of_anything,
    Exception: _of_anything,
}
"""For `exception_handlers` of an application of Starlette or FastAPI."""
