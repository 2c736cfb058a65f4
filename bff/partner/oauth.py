"""The token endpoint: OAuth 2.0 client credentials (RFC 6749, section 4.4).

Users issues the token; here its request is read and answered as the RFC says, errors too (section 5.2).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bff.partner.backends import Backends
from kit.errors import Problem

FORM = "application/x-www-form-urlencoded"
GRANT = "client_credentials"
NOT_KEPT = {"cache-control": "no-store", "pragma": "no-cache"}
MAX_FIELDS = 20


class Refused(Exception):
    """A request that gets no token, by the RFC's own words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.status = error, status


class TokenEndpoint:
    """Answers `POST /partner/oauth/token`."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    async def serve(self, request: Request) -> Response:
        """One request for a token."""
        try:
            return await self._issued(request)
        except Refused as refused:
            body = {"error": refused.error, "error_description": str(refused)}
            basic = {"www-authenticate": 'Basic realm="partner"'} if refused.status == 401 else {}
            return JSONResponse(body, refused.status, {**NOT_KEPT, **basic})

    async def _issued(self, request: Request) -> Response:
        fields = await _form(request)
        client_id, secret = _credentials(request, fields)
        if fields.get("grant_type") != GRANT:
            error = "unsupported_grant_type" if fields.get("grant_type") else "invalid_request"
            raise Refused(error, f"grant_type is {GRANT}")
        try:
            issued = await self._backends.token(
                client_id, secret, list(dict.fromkeys(fields.get("scope", "").split()))
            )
        except Problem as problem:
            raise _refused(problem) from problem
        body = {
            "access_token": issued.token,
            "token_type": "Bearer",
            "expires_in": issued.lifetime.seconds,
            "scope": " ".join(issued.scopes),
        }
        return JSONResponse(body, headers=NOT_KEPT)


def _refused(problem: Problem) -> Exception:
    """What users says of the credentials, in the RFC's words; what is no answer stays what it is."""
    if problem.reason == "CLIENT_INVALID":
        return Refused("invalid_client", str(problem), 401)
    if problem.kind != "invalid":
        return problem
    if any(violation.field.startswith("scopes") for violation in problem.violations):
        return Refused("invalid_scope", "the client may not ask for such a scope")
    return Refused("invalid_client", "the client's id or its secret is wrong", 401)


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of the body. Raises invalid_request."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise Refused("invalid_request", f"send the body as {FORM}")
    try:
        pairs = parse_qsl(
            (await request.body()).decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MAX_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise Refused(
            "invalid_request", f"the body is no form in UTF-8 with at most {MAX_FIELDS} fields"
        ) from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Refused("invalid_request", "a parameter stands twice")
    return fields


def _credentials(request: Request, fields: Mapping[str, str]) -> tuple[str, str]:
    """The client's id and secret, from the header or the body, never from both."""
    header = request.headers.getlist("authorization")
    if not header:
        client_id, secret = fields.get("client_id", ""), fields.get("client_secret", "")
        if not (client_id and secret):
            raise Refused(
                "invalid_client", "say client_id and client_secret, by HTTP Basic or in the body", 401
            )
        return client_id, secret
    if len(header) > 1 or "client_secret" in fields:
        raise Refused("invalid_request", "authenticate in one way: by HTTP Basic or in the body")
    scheme, _, text = header[0].partition(" ")
    try:
        decoded = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    client_id, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not (client_id and colon and secret):
        raise Refused("invalid_client", "the header is `authorization: Basic <base64 of id:secret>`", 401)
    # section 2.3.1: both are encoded as in a form first
    return unquote_plus(client_id), unquote_plus(secret)
