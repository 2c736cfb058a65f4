"""REST by FastAPI, the way of this suite: a body is JSON that nobody can read in two ways, an answer has a
type that the client takes, and all that is wrong with a request is said at once, see `kit.http_errors`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from kit import http_errors, strict_json
from kit.channels import Unanswered
from kit.errors import Problem, Violation

JSON = "application/json"
EVENTS = "text/event-stream"
IDEMPOTENCY_KEY = "Idempotency-Key"

Handler = Callable[[Request, Exception], Awaitable[Response]]


class StrictRoute(APIRoute):
    """An operation whose body, if it has one, is read by `kit.strict_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What serves a request."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def strict(request: Request) -> Response:
            return await handle(await _read(request))

        return strict


class _Read(Request):
    """A request whose body was read already; FastAPI would read it less strictly."""

    value: Any = None

    async def json(self) -> Any:
        """What was read."""
        return self.value


async def _read(request: Request) -> Request:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if kind.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        raise Problem("invalid", "UNSUPPORTED_MEDIA_TYPE", f"send the body as {JSON}, in UTF-8")
    read = _Read(request.scope, request.receive)
    # half a pair is no text: the field that it stands in is named with all the others
    read.value = strict_json.loads(await read.body(), half_pairs=True)
    return read


def accepted(request: Request, *offered: str) -> str:
    """Which of the offered media types the client likes best, the first one if it does not say. Raises
    NOT_ACCEPTABLE.
    """
    told = ",".join(request.headers.getlist("accept"))
    if not told.strip():
        return offered[0]
    ranges = [_range(part) for part in told.split(",")]
    best = max(offered, key=lambda kind: _quality(kind, ranges))
    if _quality(best, ranges) > 0:
        return best
    raise Problem("invalid", "NOT_ACCEPTABLE", f"this is answered as {' or '.join(offered)}: accept it")


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    return kind, float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """By the most exact of the ranges that fit."""
    for exact in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        found = [quality for told, quality in ranges if told == exact]
        if found:
            return max(found)
    return 0.0


def handlers(read_only: Collection[str] = ()) -> Mapping[Any, Handler]:
    """For `exception_handlers` of a FastAPI application; `read_only` are names that only answers have."""

    async def of_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it only
        return http_errors.response(_invalid(error.errors(), read_only))

    return {**http_errors.HANDLERS, RequestValidationError: of_validation, Unanswered: _of_a_peer}


async def _of_a_peer(request: Request, error: Exception) -> Response:
    """A peer that is too slow is told from one that is not there."""
    assert isinstance(error, Unanswered)  # noqa: S101 - registered for it only
    if error.details["cause"] == "DEADLINE_EXCEEDED":
        said = f"{error.peer} was not ready in time; try again"
        return http_errors.response(Problem("too_late", "UPSTREAM_TIMEOUT", said))
    return http_errors.response(error)


def _invalid(errors: Sequence[Mapping[str, Any]], read_only: Collection[str]) -> Problem:
    """All that is wrong, under the code of the worst of it."""
    violations = [Violation(_place(error["loc"]), _said(error, read_only)) for error in errors]
    unknown = [error["loc"][-1] for error in errors if error["type"] == "extra_forbidden"]
    if any(error["loc"] == ("header", IDEMPOTENCY_KEY) for error in errors):
        said = f"send the header {IDEMPOTENCY_KEY}, another for each request: 1 to 255 visible characters"
        return Problem("invalid", "IDEMPOTENCY_KEY_REQUIRED", said, violations=violations)
    if len(unknown) < len(errors):
        return Problem("invalid", "VALIDATION_FAILED", "the request breaks rules", violations=violations)
    if all(name in read_only for name in unknown):
        said = "these fields are ours to set; leave them out"
        return Problem("invalid", "READ_ONLY_FIELD", said, violations=violations)
    return Problem(
        "invalid", "UNKNOWN_FIELD", "there are no such fields; leave them out", violations=violations
    )


def _place(location: Sequence[object]) -> str:
    """Where it is: in the body as a JSON pointer says it, else behind `path`, `query` or `header`."""
    parts = location[1:] if location[0] == "body" else location
    return "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _said(error: Mapping[str, Any], read_only: Collection[str]) -> str:
    if error["type"] != "extra_forbidden":
        return str(error["msg"])
    return "only answers have it" if error["loc"][-1] in read_only else "there is no such field"
