"""How the public entry says an error of its own, one that no service has answered.

To gRPC clients by status and text; where services say the same, with their google.rpc.Status. Under /api/v1
as google.rpc.Status in JSON, the form of the errors that services send there; to everybody else as
application/problem+json (RFC 9457).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

Json = dict[str, Any]

DOMAIN = "edge.ordermesh"
RETRY_AFTER_SECONDS = 1
RETRIED = ("DEPENDENCY_UNAVAILABLE", "RATE_LIMITED")

_ORIGINAL = "x-envoy-original-path"
"""Where a call has come by REST; its path and content type are those of its RPC by then."""
_GRPC: tuple[str, Json] = ("content-type", {"prefix": "application/grpc"})
_TRACE = "^..-([0-9a-f]{32})-.*$"
_TRACE_ID = (
    f"%CEL('traceparent' in request.headers && request.headers['traceparent'].matches('{_TRACE}')"
    f" ? re.extract(request.headers['traceparent'], '{_TRACE}', '\\\\1') : '')%"
)
"""Empty where a request was refused before it was read: there is no trace yet."""
_CEL_FILTER = "envoy.access_loggers.extension_filters.cel"
_CEL = "envoy.extensions.access_loggers.filters.cel.v3"


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
    def told_by(self) -> list[Json]:
        """The filters that only this kind passes."""
        found: list[Json] = [{"response_flag_filter": {"flags": [self.flag]}}] if self.flag else []
        if self.detail:
            expression = f"response.code_details.contains('{self.detail}')"
            config = {"@type": f"type.googleapis.com/{_CEL}.ExpressionFilter", "expression": expression}
            found.append({"extension_filter": {"name": _CEL_FILTER, "typed_config": config}})
        return found

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


def config(api: str) -> Json:
    """Envoy's `local_reply_config`, for an entry whose REST paths begin with `api`."""
    under_api = _any(_header(":path", {"prefix": api}), _header(_ORIGINAL, {"prefix": api}))
    mappers = []
    for reply in REPLIES:
        if reply.as_service:
            mappers.append(_grpc_mapper(reply))
        mappers.append(_mapper(reply, _status(reply), "application/json", under_api))
        mappers.append(_mapper(reply, _problem(reply), "application/problem+json"))
    return {"mappers": mappers}


def _grpc_mapper(reply: Reply) -> Json:
    status = status_pb2.Status(code=reply.grpc.value[0], message=reply.text)
    for detail in _details(reply):
        status.details.add().Pack(detail)
    text = base64.b64encode(status.SerializeToString()).decode()
    filters = [_answers(reply), *reply.told_by, _header(*_GRPC), _not_rest()]
    return {
        "filter": {"and_filter": {"filters": filters}},
        "status_code": int(reply.sent),
        "body": {"inline_string": reply.text},
        "headers_to_add": [{"header": {"key": "grpc-status-details-bin", "value": text}}],
    }


def _answers(reply: Reply) -> Json:
    fits = {"op": "EQ", "value": {"default_value": reply.status, "runtime_key": "edge.none"}}
    return {"status_code_filter": {"comparison": fits}}


def _mapper(reply: Reply, body: Json, content_type: str, *conditions: Json) -> Json:
    filters = [_answers(reply), _not_grpc(), *reply.told_by, *conditions]
    found: Json = {
        "filter": {"and_filter": {"filters": filters}},
        "status_code": int(reply.sent),
        # where a request was refused before it was read there is no trace yet
        "body_format_override": {
            "json_format": body,
            "content_type": content_type,
            "omit_empty_values": True,
        },
    }
    if reply.text:
        found["body"] = {"inline_string": reply.text}
    if told := _headers(reply):
        found["headers_to_add"] = [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in told.items()
        ]
    return found


def _headers(reply: Reply) -> dict[str, str]:
    if reply.code in RETRIED:
        return {"retry-after": str(RETRY_AFTER_SECONDS)}
    if reply.sent is HTTPStatus.UNAUTHORIZED:
        wrong = "" if reply.code == "TOKEN_MISSING" else ', error="invalid_token"'  # RFC 6750
        return {"www-authenticate": f'Bearer realm="{DOMAIN}"{wrong}'}
    return {}


def _details(reply: Reply) -> Iterator[Message]:
    """What programs read, as services send it (kit/errors.py)."""
    yield error_details_pb2.ErrorInfo(reason=reply.code, domain=DOMAIN)
    if reply.code == "RATE_LIMITED":
        quota = error_details_pb2.QuotaFailure.Violation(subject="client", description=reply.text)
        yield error_details_pb2.QuotaFailure(violations=[quota])
    if reply.code in RETRIED:
        yield error_details_pb2.RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_SECONDS))


def _status(reply: Reply) -> Json:
    request = error_details_pb2.RequestInfo(request_id=_TRACE_ID)
    return {
        "code": reply.grpc.value[0],
        "message": "%LOCAL_REPLY_BODY%",
        "details": [_json(detail) for detail in (*_details(reply), request)],
    }


def _json(detail: Message) -> Json:
    """As the transcoder writes those of the services."""
    kind = {"@type": f"type.googleapis.com/{detail.DESCRIPTOR.full_name}"}
    return kind | MessageToDict(
        detail, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _problem(reply: Reply) -> Json:
    return {
        "type": "about:blank",
        "title": reply.sent.phrase,
        "status": int(reply.sent),
        "detail": "%LOCAL_REPLY_BODY%",
        "code": reply.code,
        "traceId": _TRACE_ID,
    }


def _not_grpc() -> Json:
    """A call that has come by REST is gRPC by now, and is answered as what it was."""
    plain = _header(*_GRPC)
    plain["header_filter"]["header"] |= {"invert_match": True, "treat_missing_header_as_empty": True}
    return _any(plain, {"header_filter": {"header": {"name": _ORIGINAL, "present_match": True}}})


def _not_rest() -> Json:
    return {"header_filter": {"header": {"name": _ORIGINAL, "present_match": False}}}


def _header(name: str, match: Json) -> Json:
    return {"header_filter": {"header": {"name": name, "string_match": match}}}


def _any(*filters: Json) -> Json:
    return {"or_filter": {"filters": list(filters)}}
