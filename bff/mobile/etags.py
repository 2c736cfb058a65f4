"""Answers that are not sent again to who has them: weak entity tags (RFC 9110), for the edge compresses."""

from __future__ import annotations

import hashlib
import re

from starlette.requests import Request
from starlette.responses import Response

from bff.mobile.schemas import Answer
from kit.http_api import JSON

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def response(request: Request, answer: Answer) -> Response:
    """The answer, or 304 if the client says by If-None-Match that it has it. It is the caller's own and is
    asked for anew each time.
    """
    body = answer.encoded().encode()
    opaque = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": f"W/{opaque}", "cache-control": "private, no-cache"}
    told = ",".join(request.headers.getlist("if-none-match"))
    if told.strip() == "*" or opaque in _TAG.findall(told):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=JSON)
