"""What the graph says of errors: `extensions` with code, reason, whether to try again, and the trace.

A request that cannot be carried out at all (`Unusable`) is answered with a status of 400 or the like; what
goes wrong while it is carried out stands beside the data that there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from graphql import GraphQLError

from kit import http_errors, telemetry

Json = dict[str, Any]

CODES: Mapping[str, str] = {
    "invalid": "BAD_USER_INPUT",
    "unauthenticated": "UNAUTHENTICATED",
    "denied": "FORBIDDEN",
    "missing": "NOT_FOUND",
    "refused": "REFUSED",
    "conflict": "CONFLICT",
    "exhausted": "TOO_MANY_REQUESTS",
    "unavailable": "UPSTREAM_UNAVAILABLE",
    "unimplemented": "INTERNAL",
    "too_late": "UPSTREAM_TIMEOUT",
    "internal": "INTERNAL",
}
"""By the kind of an error, see `kit.errors`."""
RETRYABLE = frozenset({"unavailable", "conflict", "too_late", "exhausted"})


class Unusable(Exception):
    """A request that is refused before anything of it is done."""

    def __init__(
        self,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.errors: list[Json] = [{"message": message, "extensions": _extensions(code, details)}]


class UnusableDocument(Unusable):
    """The same, for mistakes in the document or its variables, each with its place."""

    def __init__(self, code: str, errors: Sequence[GraphQLError]) -> None:
        super().__init__(code, "")
        self.errors = [_placed(error, error.message, _extensions(code, error.extensions)) for error in errors]


def told(error: GraphQLError) -> Json:
    """An error of one field, as the client sees it; what is not meant for callers is INTERNAL."""
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    visible = http_errors.shown(cause)
    details: Json = {"reason": visible.reason, "retryable": visible.kind in RETRYABLE}
    if dependency := getattr(visible, "details", {}).get("dependency"):
        details["dependency"] = dependency
    if violations := http_errors.violations_of(visible):
        details["fields"] = [{"field": v.field, "message": v.description} for v in violations]
    return _placed(error, str(visible), _extensions(CODES[visible.kind], details))


def _extensions(code: str, details: Mapping[str, Any] | None) -> Json:
    said = {"code": code, "reason": code, "retryable": False, **(details or {})}
    return said | {"traceId": telemetry.trace_id()}


def _placed(error: GraphQLError, message: str, extensions: Json) -> Json:
    found: Json = {"message": message}
    if error.locations:
        found["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        found["path"] = error.path
    return found | {"extensions": extensions}
