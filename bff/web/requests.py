"""What an HTTP request asks of the graph, by the specification of GraphQL over HTTP; or why it is none."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from bff.web.documents import Asked
from bff.web.errors import Unusable
from kit import strict_json
from kit.errors import Problem

JSON = "application/json"
EVENTS = "text/event-stream"


async def asked_by(request: Request) -> Asked:
    """The query of a request, its variables and which operation is meant. Raises Unusable."""
    if request.method == "GET":
        return _asked(_of_parameters(request))
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if kind.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        # a page elsewhere can send a form without asking first; JSON it cannot
        said = f"send the query as {JSON}, in UTF-8"
        raise Unusable("UNSUPPORTED_MEDIA_TYPE", said, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return _asked(_json(await request.body()))


def wants_events(request: Request) -> bool:
    """Whether the client asks for server-sent events, and for nothing else."""
    accepted = [
        part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")
    ]
    return EVENTS in accepted and JSON not in accepted


def _of_parameters(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if name in found:
            found[name] = _json(found[name].encode())
    return found


def _json(text: bytes) -> Any:
    try:
        return strict_json.loads(text)
    except Problem as problem:
        raise Unusable("GRAPHQL_BAD_REQUEST", str(problem)) from None


def _asked(body: Any) -> Asked:
    if isinstance(body, list):
        raise Unusable("BATCHING_DISABLED", "one query a request; a list is not taken")
    if not isinstance(body, dict):
        raise Unusable("GRAPHQL_BAD_REQUEST", 'the body is an object: {"query": "…", "variables": {…}}')
    query, variables, name = body.get("query"), body.get("variables"), body.get("operationName")
    document_id = body.get("documentId")
    if not isinstance(document_id, str | None) or (document_id and query):
        raise Unusable("GRAPHQL_BAD_REQUEST", "`documentId` is a text, and stands in the place of `query`")
    if not document_id and (not isinstance(query, str) or not query.strip()):
        raise Unusable("GRAPHQL_BAD_REQUEST", "`query` is a text, and is not empty")
    if not isinstance(variables, dict | None):
        raise Unusable("GRAPHQL_BAD_REQUEST", "`variables` is an object, or is left out")
    if not isinstance(name, str | None):
        raise Unusable("GRAPHQL_BAD_REQUEST", "`operationName` is a text, or is left out")
    if not isinstance(body.get("extensions"), dict | None):
        raise Unusable("GRAPHQL_BAD_REQUEST", "`extensions` is an object, or is left out")
    return Asked(query or "", variables or {}, name, document_id or "")
