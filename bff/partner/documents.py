"""The OpenAPI documents of both versions, committed for partners to read and generate code from.

FastAPI describes parameters and successes; what every operation refuses follows from what it takes.
`python -m bff.partner.documents` writes them, or `make generate`; `--check` compares instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from bff.partner.operations import SECURITY_SCHEME, Operation
from bff.partner.scopes import SCOPES
from kit.committed import write_or_compare

Json = dict[str, Any]
TOKEN_PATH = "/partner/oauth/token"  # noqa: S105 - a path
PROBLEM: Json = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For developers."},
        "code": {"type": "string", "description": "Stable, in UPPER_SNAKE."},
        "traceId": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "details": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
ALWAYS = (400, 401, 403, 406, 413, 422, 429, 500, 503, 504)
"""What any request may be answered with; 400, 413 and 429 by the edge too."""

REFUSALS = {*ALWAYS, 404, 409, 415}
HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
"""What comes with some of them."""


def document(app: FastAPI) -> Json:
    """The whole document of a version."""
    if app.openapi_schema is None:
        found = app.openapi()
        schemas = found["components"]["schemas"]
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        schemas["Problem"] = PROBLEM
        flow = {"tokenUrl": TOKEN_PATH, "scopes": dict(SCOPES)}
        found["components"]["securitySchemes"] = {
            SECURITY_SCHEME: {"type": "oauth2", "flows": {"clientCredentials": flow}}
        }
        found["components"]["responses"] = {_name(each): _refusal(each) for each in sorted(REFUSALS)}
        for route in (route for route in app.routes if isinstance(route, Operation)):
            for method in route.methods or ():
                _add_refusals(found["paths"][route.path_format][method.lower()], route)
    return app.openapi()


def _add_refusals(operation: Json, route: Operation) -> None:
    for status in sorted({*ALWAYS, *_refusals(route)}):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    if route.deprecated:
        answer = operation["responses"][str(route.status_code or 200)]
        names = ("Deprecation", "Sunset", "Link")
        answer["headers"] = {name: {"required": True, "schema": {"type": "string"}} for name in names}


def _refusal(status: int) -> Json:
    schema = {"$ref": "#/components/schemas/Problem"}
    said: Json = {
        "description": HTTPStatus(status).phrase,
        "content": {"application/problem+json": {"schema": schema}},
    }
    if header := HEADERS.get(status):
        said["headers"] = {header: {"required": True, "schema": {"type": "string"}}}
    return said


def _name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")


def _refusals(route: Operation) -> Iterator[int]:
    if "POST" in (route.methods or ()):
        yield HTTPStatus.CONFLICT
        yield HTTPStatus.NOT_FOUND
    if route.body_field:
        yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if "{" in route.path:  # a text that is no part of a path leads nowhere
        yield HTTPStatus.NOT_FOUND


def text(app: FastAPI) -> str:
    """The document as it is committed and served."""
    return json.dumps(document(app), indent=2, ensure_ascii=False) + "\n"


def files() -> Mapping[Path, str]:
    """Where each document stands, and what it says."""
    from bff.partner.app import VERSIONS

    here = Path(__file__).parent
    return {here / f"openapi-{name}.json": text(version()) for name, version in VERSIONS.items()}


def main() -> None:
    """Write them, or fail when a committed one is another."""
    write_or_compare(files(), "the contract that is served")


if __name__ == "__main__":
    main()
