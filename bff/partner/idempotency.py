"""The Idempotency-Key of a request (a draft of the IETF's), and the request_id that is derived from it.

No table of ours: a service knows a request by its request_id, answers a repeat with the first answer, and
refuses another content under the same id. Deriving the id from the key makes these rules the key's.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request

from kit import call
from kit.errors import Problem
from kit.http_api import IDEMPOTENCY_KEY
from kit.ids import derived_id

KEY_REQUIRED = "IDEMPOTENCY_KEY_REQUIRED"
KEY_PATTERN = '^("[!#-\\[\\]-~]{1,255}"|[!#-\\[\\]-~]{1,255})$'
"""Visible ASCII, as a quoted string of HTTP or bare."""


async def _request_id(
    request: Request,
    key: Annotated[
        str,
        Header(
            alias=IDEMPOTENCY_KEY,
            pattern=KEY_PATTERN,
            description="Names this request: a repeat with the same key and content gets the same answer.",
        ),
    ],
) -> str:
    """The request_id of a request that has a key."""
    if len(request.headers.getlist(IDEMPOTENCY_KEY)) > 1:
        raise Problem("invalid", KEY_REQUIRED, f"send one header {IDEMPOTENCY_KEY}, not several")
    return derived(request, key.strip('"'))


def derived(request: Request, key: str) -> str:
    """The request_id of this key, of this client and this operation."""
    return str(derived_id("partner", call.caller().client_id, request.scope["route"].name, key))


RequestId = Annotated[str, Depends(_request_id)]
"""A parameter of every operation by POST."""
