"""The graph over HTTP: one address for queries, changes and streams.

Strawberry executes; the HTTP around it is ours, for its own says errors as plain text, knows no ids of
events, and parses each document anew.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

import strawberry
from graphql import OperationDefinitionNode
from starlette.requests import Request
from starlette.responses import Response
from strawberry.types import ExecutionResult

from bff.web.backends import Backends
from bff.web.documents import Asked, Document, Documents, is_query, is_subscription
from bff.web.errors import Unusable, told
from bff.web.loaders import Loaders
from bff.web.requests import EVENTS, JSON, asked_by, wants_events
from bff.web.session import Session
from bff.web.trusted import Trusted
from kit import call
from kit.call import Caller
from kit.errors import Problem
from kit.http_guard import authenticate
from kit.sse import Event, Streams, last_event_id
from kit.tokens import TokenVerifier

GRAPHQL_JSON = "application/graphql-response+json"


class Endpoint:
    """Answers requests to the graph."""

    def __init__(
        self,
        schema: strawberry.Schema,
        documents: tuple[Trusted, Documents],
        backends: Backends,
        tokens: TokenVerifier,
        streams: Streams,
    ) -> None:
        self._schema = schema
        self._trusted, self._documents = documents
        self._backends = backends
        self._tokens = tokens
        self._streams = streams

    async def serve(self, request: Request) -> Response:
        """One request."""
        try:
            asked = self._trusted.resolved(await asked_by(request))
            document, operation = self._documents.prepare(asked)
            _check_method(request, operation)
            session = await self._session(request, document)
            if is_subscription(operation) or wants_events(request):
                return self._stream(request, asked, session, operation)
        except Unusable as refused:
            return _answer(request, {"errors": refused.errors}, refused.status, refused.headers)
        result = await self._schema.execute(
            asked.query, dict(asked.variables), session, operation_name=asked.operation_name
        )
        return _answer(request, _body(result), HTTPStatus.OK)

    async def _session(self, request: Request, document: Document) -> Session:
        who: Caller | Problem
        try:
            who = await authenticate(request, self._tokens)
        except Problem as problem:
            who = problem
        return Session(self._backends, Loaders(self._backends), document.node, who)

    def _stream(
        self, request: Request, asked: Asked, session: Session, operation: OperationDefinitionNode
    ) -> Response:
        """Server-sent events by graphql-sse, each connection one operation: `next`…, then `complete`."""
        if not wants_events(request):
            said = f"a subscription answers {EVENTS}: send `accept: {EVENTS}`"
            raise Unusable("NOT_ACCEPTABLE", said, status=HTTPStatus.NOT_ACCEPTABLE)
        user = "nobody" if isinstance(session.who, Problem) else session.who.user_id
        try:
            session.last_event_id = last_event_id(request)
            call.set_deadline(None)
            events = self._events if is_subscription(operation) else self._only_event
            return self._streams.response(events(asked, session), user)
        except Problem as problem:
            many = problem.kind == "exhausted"
            code = "TOO_MANY_SUBSCRIPTIONS" if many else "GRAPHQL_BAD_REQUEST"
            status = HTTPStatus.TOO_MANY_REQUESTS if many else HTTPStatus.BAD_REQUEST
            raise Unusable(code, str(problem), status=status) from None

    async def _events(self, asked: Asked, session: Session) -> AsyncGenerator[Event, None]:
        results = await self._schema.subscribe(
            asked.query, dict(asked.variables), session, operation_name=asked.operation_name
        )
        async with aclosing(results):
            async for result in results:
                # the id of what was shown; of an error there is none
                shown = str(session.event_id) if session.event_id and not result.errors else ""
                yield Event(_json(_body(result)), "next", shown)
        yield Event(name="complete")

    async def _only_event(self, asked: Asked, session: Session) -> AsyncGenerator[Event, None]:
        result = await self._schema.execute(
            asked.query, dict(asked.variables), session, operation_name=asked.operation_name
        )
        yield Event(_json(_body(result)), "next")
        yield Event(name="complete")


def _check_method(request: Request, operation: OperationDefinitionNode) -> None:
    """A link, which anybody can make another follow, changes nothing."""
    if request.method == "GET" and not (is_query(operation) or is_subscription(operation)):
        raise Unusable(
            "METHOD_NOT_ALLOWED",
            "a mutation is sent by POST",
            status=HTTPStatus.METHOD_NOT_ALLOWED,
            headers={"allow": "POST"},
        )


def _body(result: ExecutionResult) -> dict[str, Any]:
    body: dict[str, Any] = {"errors": [told(error) for error in result.errors]} if result.errors else {}
    return body | {"data": result.data}


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def _answer(
    request: Request, body: Mapping[str, Any], status: HTTPStatus, headers: Mapping[str, str] | None = None
) -> Response:
    kind = GRAPHQL_JSON if GRAPHQL_JSON in request.headers.get("accept", "") else JSON
    return Response(_json(body), int(status), {"cache-control": "no-store", **(headers or {})}, kind)
