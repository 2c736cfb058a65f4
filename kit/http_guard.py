"""What surrounds every HTTP request: trace, deadline, limit of the body, and errors said without leaking.

The same duties as `kit.interceptors` has for RPCs, as one ASGI layer around a whole application. Who calls is
verified by `authenticate`, which each application asks where it needs it: not every page wants a token.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit import call, http_errors, telemetry
from kit.errors import Problem
from kit.tokens import TokenVerifier

REQUEST_SECONDS = 10.0
"""For a request, to the end of its answer; for a stream of events, to its beginning."""
MAX_BODY_BYTES = 64 * 1024
EVENT_STREAM = b"text/event-stream"
_LIMIT = "ordermesh.limit"


async def authenticate(request: Request, tokens: TokenVerifier) -> call.Caller:
    """The user whose token came with the request, remembered for this task and the calls that it makes.
    Raises UNAUTHENTICATED, or UNAVAILABLE if nobody can be asked for the keys.
    """
    sent = request.headers.getlist("authorization")
    if len(sent) > 1:
        raise Problem("unauthenticated", "TOKEN_INVALID", "send one header `authorization`, not several")
    caller = await tokens.verify(sent[0] if sent else None)
    call.set_caller(caller)
    call.set_authorization(sent[0])
    return caller


def allow(request: Request, seconds: float) -> None:
    """Give a request so many seconds from now on, as one needs that waits because it was asked to."""
    limit: asyncio.Timeout = request.scope[_LIMIT]
    limit.reschedule(asyncio.get_running_loop().time() + seconds)
    call.set_deadline(seconds)


class HttpGuard:
    """Stands around an ASGI application."""

    def __init__(self, app: ASGIApp, seconds: float = REQUEST_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise RuntimeError("only HTTP requests are served here")
        headers = Headers(scope=scope)
        telemetry.accept(headers)
        call.set_deadline(self._seconds)
        answer = _Answer(send)
        try:
            _check_length(headers)
            async with asyncio.timeout(self._seconds) as answer.limit:
                scope[_LIMIT] = answer.limit
                await self._app(scope, _limited(receive), answer.send)
        except ClientDisconnect:
            return
        except Exception as error:
            # what has begun can only break off; its error is told and logged already
            if not answer.begun:
                await http_errors.response(error)(scope, receive, send)


class _Answer:
    """Watches an answer go out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.limit: asyncio.Timeout | None = None

    async def send(self, message: Message) -> None:
        """Pass a part on; a stream of events has no end in time."""
        if message["type"] == "http.response.start":
            self.begun = True
            kinds = [value for name, value in message.get("headers", ()) if name == b"content-type"]
            if self.limit is not None and any(kind.startswith(EVENT_STREAM) for kind in kinds):
                self.limit.reschedule(None)
        await self._send(message)


def _check_length(headers: Headers) -> None:
    """Refuse what says itself that it is too long, before a byte of it is read."""
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _too_large()


def _limited(receive: Receive) -> Receive:
    """The body, as long as it is not too long."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            raise _too_large()
        return message

    return limited


def _too_large() -> Problem:
    return Problem("exhausted", "PAYLOAD_TOO_LARGE", f"a body has at most {MAX_BODY_BYTES // 1024} KiB")
