"""The errors of the public entry itself, by Envoy's status and detail: what callers are told of each.
`ops/local_replies.py` makes Envoy say them.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import grpc

DOMAIN = "edge.ordermesh"
RETRY_AFTER_SECONDS = 1
RETRIED = ("DEPENDENCY_UNAVAILABLE", "RATE_LIMITED")
"""The codes after which a caller may try again."""


@dataclass(frozen=True)
class Reply:
    """One kind of error: Envoy's HTTP status, the code that callers know it by, and what gRPC calls it."""

    status: int
    code: str
    grpc: grpc.StatusCode
    answered: int = 0  # the HTTP status that is sent, if it is another one
    detail: str = ""  # what else tells this kind from others of the status: a part of Envoy's own detail
    flag: str = ""  # the same: one of Envoy's flags
    text: str = ""  # instead of Envoy's own text
    as_service: bool = False  # services say it too: a gRPC client hears the same from the edge

    @property
    def sent(self) -> HTTPStatus:
        """The HTTP status that callers see."""
        return HTTPStatus(self.answered or self.status)


_INVALID, _TOO_MUCH = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED
_AWAY, _LATE = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED
_WRONG_TYPE = "/api/v1 takes application/json in UTF-8, the methods of gRPC take application/grpc"
_ONLY_JSON = "the answers here are application/json, and text/event-stream of :watch; accept these"
_NO_ANSWER = "the service behind does not answer; try again"
_NO_KEYS = "the users service does not tell the keys of tokens; try again"
_UNKNOWN = grpc.StatusCode.UNAUTHENTICATED
_NO_TOKEN, _OLD_TOKEN, _BAD_TOKEN = (
    "call with `authorization: Bearer <token>`",
    "the token has expired; sign in again",
    "the token is not valid; sign in again",
)
_TOO_OFTEN = "this client has made too many of these calls; wait a second, and make fewer"
_NOT_THIS_CLIENT = "the token is for another kind of client; sign in with this one"

REPLIES = (
    Reply(400, "MALFORMED_MESSAGE", _INVALID, detail="grpc_json_transcode_failure"),
    Reply(400, "BAD_REQUEST", _INVALID),
    # the rules of envoy/public.yaml
    Reply(403, "NOT_ACCEPTABLE", _INVALID, answered=406, detail="[not_acceptable]", text=_ONLY_JSON),
    Reply(403, "UNSUPPORTED_MEDIA_TYPE", _INVALID, answered=415, detail="[not_", text=_WRONG_TYPE),
    Reply(
        403, "TOKEN_INVALID", _UNKNOWN, answered=401, detail="[two_tokens]", text=_BAD_TOKEN, as_service=True
    ),
    # of the filter in ops/edge_tokens.py
    Reply(
        401,
        "DEPENDENCY_UNAVAILABLE",
        _AWAY,
        answered=503,
        detail="Jwks_remote_fetch",
        text=_NO_KEYS,
        as_service=True,
    ),
    Reply(401, "TOKEN_MISSING", _UNKNOWN, detail="Jwt_is_missing", text=_NO_TOKEN, as_service=True),
    Reply(401, "TOKEN_EXPIRED", _UNKNOWN, detail="Jwt_is_expired", text=_OLD_TOKEN, as_service=True),
    Reply(401, "TOKEN_INVALID", _UNKNOWN, text=_BAD_TOKEN, as_service=True),
    # the services say 401 as well: who signs in with the right client is let in
    Reply(
        403,
        "TOKEN_INVALID",
        _UNKNOWN,
        answered=401,
        detail="Audiences_in_Jwt",
        text=_NOT_THIS_CLIENT,
        as_service=True,
    ),
    Reply(403, "ACCESS_DENIED", grpc.StatusCode.PERMISSION_DENIED),
    Reply(404, "ROUTE_NOT_FOUND", grpc.StatusCode.NOT_FOUND),
    Reply(405, "METHOD_NOT_ALLOWED", grpc.StatusCode.UNIMPLEMENTED),
    # the policy's time for this call is over; Envoy says 408, as if the client had been slow
    Reply(408, "UPSTREAM_TIMEOUT", _LATE, answered=504, flag="DT", text="the service took too long"),
    Reply(408, "REQUEST_TIMEOUT", _LATE),
    Reply(413, "PAYLOAD_TOO_LARGE", _TOO_MUCH, text="a body has at most 64 KiB"),
    Reply(414, "URI_TOO_LONG", _TOO_MUCH),
    # the limits of the policy's `edge`
    Reply(429, "RATE_LIMITED", _TOO_MUCH, text=_TOO_OFTEN, as_service=True),
    Reply(431, "HEADERS_TOO_LARGE", _TOO_MUCH, text="headers have at most 16 KiB"),
    Reply(500, "INTERNAL", grpc.StatusCode.INTERNAL),
    Reply(501, "NOT_IMPLEMENTED", grpc.StatusCode.UNIMPLEMENTED),
    Reply(502, "DEPENDENCY_UNAVAILABLE", _AWAY, answered=503, text=_NO_ANSWER),
    Reply(503, "DEPENDENCY_UNAVAILABLE", _AWAY, text=_NO_ANSWER),
    Reply(504, "UPSTREAM_TIMEOUT", _LATE, text="the service took too long"),
)
