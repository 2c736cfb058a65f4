"""How the public entry says an error of its own, one that no service has answered.

To gRPC clients by status and text; where services say the same, with their google.rpc.Status. Under /api/v1
as google.rpc.Status in JSON, the form of the errors that services send there; to everybody else as
application/problem+json (RFC 9457).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from ops.edge_errors import DOMAIN, REPLIES, RETRIED, RETRY_AFTER_SECONDS, Reply

Json = dict[str, Any]


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
    filters = [_answers(reply), *_told_by(reply), _header(*_GRPC), _not_rest()]
    return {
        "filter": {"and_filter": {"filters": filters}},
        "status_code": int(reply.sent),
        "body": {"inline_string": reply.text},
        "headers_to_add": [{"header": {"key": "grpc-status-details-bin", "value": text}}],
    }


def _told_by(reply: Reply) -> list[Json]:
    """The filters that only this kind passes."""
    found: list[Json] = [{"response_flag_filter": {"flags": [reply.flag]}}] if reply.flag else []
    if reply.detail:
        expression = f"response.code_details.contains('{reply.detail}')"
        config = {"@type": f"type.googleapis.com/{_CEL}.ExpressionFilter", "expression": expression}
        found.append({"extension_filter": {"name": _CEL_FILTER, "typed_config": config}})
    return found


def _answers(reply: Reply) -> Json:
    fits = {"op": "EQ", "value": {"default_value": reply.status, "runtime_key": "edge.none"}}
    return {"status_code_filter": {"comparison": fits}}


def _mapper(reply: Reply, body: Json, content_type: str, *conditions: Json) -> Json:
    filters = [_answers(reply), _not_grpc(), *_told_by(reply), *conditions]
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
