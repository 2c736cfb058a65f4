"""What the document says of answers beside those that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bff.mobile.schemas import ProblemDetails
from kit.http_api import EVENTS

SAID: Mapping[int, str] = {
    400: "It cannot be read: MALFORMED_JSON, BAD_REQUEST; or IDEMPOTENCY_KEY_REQUIRED",
    401: "TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED: sign in; CREDENTIALS_INVALID",
    403: "ACCESS_DENIED: there is no such thing, or it is not the caller's",
    406: "NOT_ACCEPTABLE: the client takes no type that this is answered in",
    409: "Refused, and again if sent again: OUT_OF_STOCK, PAYMENT_DECLINED, …; or IDEMPOTENCY_KEY_IN_FLIGHT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE: bodies are JSON in UTF-8",
    422: "VALIDATION_FAILED, UNKNOWN_FIELD, READ_ONLY_FIELD, with all `errors`; IDEMPOTENCY_KEY_REUSED",
    429: "TOO_MANY_STREAMS: at most five of a user at a time",
    503: "DEPENDENCY_UNAVAILABLE: try again",
    504: "UPSTREAM_TIMEOUT: try again",
}
_WAITED = (429, 503)


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


_ETAG = {"ETag": _header("of this answer, for If-None-Match"), "Cache-Control": _header("private, no-cache")}
CACHED: Mapping[int | str, Any] = {
    200: {"headers": _ETAG},
    304: {"description": "The client has it already", "headers": _ETAG},
}
CREATED: Mapping[int | str, Any] = {201: {"headers": {"Location": _header("where the order is")}}}
FOLLOWED: Mapping[int | str, Any] = {
    200: {
        "description": "What is new, as JSON or event by event",
        "content": {EVENTS: {"schema": {"type": "string"}}},
    }
}


def documented(*statuses: int, ok: Mapping[int | str, Any] | None = None) -> dict[int | str, Any]:
    """What is asked for and, by their status, the problems; `openapi` gives these their media type."""
    found: dict[int | str, Any] = dict(ok or {})
    for status in statuses:
        found[status] = {"description": SAID[status], "model": ProblemDetails}
        if status in _WAITED:
            found[status]["headers"] = {"Retry-After": _header("seconds to wait")}
        elif status == 401:
            found[status]["headers"] = {"WWW-Authenticate": _header("Bearer, with the error")}
    return found
