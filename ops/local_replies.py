"""How the public entry says an error of its own, one that no service has answered.

To gRPC clients as ever, by status and text. Under /api/v1 as google.rpc.Status in JSON, the form of the
errors that services send there; to everybody else as application/problem+json (RFC 9457).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import grpc

Json = dict[str, Any]

DOMAIN = "edge.ordermesh"
RETRY_AFTER_SECONDS = "1"

_ORIGINAL = "x-envoy-original-path"
"""Where a call has come by REST; its path and content type are those of its RPC by then."""
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
_NO_ANSWER = "the service behind does not answer; try again"

REPLIES = (
    Reply(400, "MALFORMED_MESSAGE", _INVALID, detail="grpc_json_transcode_failure"),
    Reply(400, "BAD_REQUEST", _INVALID),
    # the two rules of envoy/public.yaml
    Reply(403, "UNSUPPORTED_MEDIA_TYPE", _INVALID, answered=415, detail="[not_", text=_WRONG_TYPE),
    Reply(403, "ACCESS_DENIED", grpc.StatusCode.PERMISSION_DENIED),
    Reply(404, "ROUTE_NOT_FOUND", grpc.StatusCode.NOT_FOUND),
    Reply(405, "METHOD_NOT_ALLOWED", grpc.StatusCode.UNIMPLEMENTED),
    # the policy's time for this call is over; Envoy says 408, as if the client had been slow
    Reply(408, "UPSTREAM_TIMEOUT", _LATE, answered=504, flag="DT", text="the service took too long"),
    Reply(408, "REQUEST_TIMEOUT", _LATE),
    Reply(413, "PAYLOAD_TOO_LARGE", _TOO_MUCH, text="a body has at most 64 KiB"),
    Reply(414, "URI_TOO_LONG", _TOO_MUCH),
    Reply(429, "RATE_LIMITED", _TOO_MUCH),
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
        mappers.append(_mapper(reply, _status(reply), "application/json", under_api))
        mappers.append(_mapper(reply, _problem(reply), "application/problem+json"))
    return {"mappers": mappers}


def _mapper(reply: Reply, body: Json, content_type: str, *conditions: Json) -> Json:
    fits = {"comparison": {"op": "EQ", "value": {"default_value": reply.status, "runtime_key": "edge.none"}}}
    filters = [{"status_code_filter": fits}, _not_grpc(), *reply.told_by, *conditions]
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
    if reply.code == "DEPENDENCY_UNAVAILABLE":
        found["headers_to_add"] = [{"header": {"key": "retry-after", "value": RETRY_AFTER_SECONDS}}]
    return found


def _status(reply: Reply) -> Json:
    kind = "type.googleapis.com/google.rpc."
    return {
        "code": reply.grpc.value[0],
        "message": "%LOCAL_REPLY_BODY%",
        "details": [
            {"@type": f"{kind}ErrorInfo", "reason": reply.code, "domain": DOMAIN, "metadata": {}},
            {"@type": f"{kind}RequestInfo", "request_id": _TRACE_ID, "serving_data": ""},
        ],
    }


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
    plain = _header("content-type", {"prefix": "application/grpc"})
    plain["header_filter"]["header"] |= {"invert_match": True, "treat_missing_header_as_empty": True}
    return _any(plain, {"header_filter": {"header": {"name": _ORIGINAL, "present_match": True}}})


def _header(name: str, match: Json) -> Json:
    return {"header_filter": {"header": {"name": name, "string_match": match}}}


def _any(*filters: Json) -> Json:
    return {"or_filter": {"filters": list(filters)}}
