"""A proxy's lines about calls: JSON on standard output, in the fields of the applications' own logs.

No header but the authority and the trace, no body, no query.
"""

from __future__ import annotations

from collections.abc import Mapping

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog,
    AccessLogFilter,
    ComparisonFilter,
    GrpcStatusFilter,
)
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.access_loggers.stream.v3.stream_pb2 import StdoutAccessLog
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from mesh.ends import at_least_one, both, flags, header, status
from mesh.envoy_values import pack
from mesh.methods import HEALTH_PATH
from mesh.policy import AccessLogs

STDOUT = "envoy.access_loggers.stdout"
HEALTH = "/grpc.health.v1.Health/"

_CALLER = "%DOWNSTREAM_PEER_URI_SAN%"
"""From the certificate that was checked."""
_TRACE_ID = """%CEL(re.extract(request.headers['traceparent'], '^..-([0-9a-f]{32})-.*$', '\\\\1'))%"""
_LINE = {
    "event": "call",
    "timestamp": "%START_TIME(%Y-%m-%dT%H:%M:%S.%6fZ)%",
    "callee": "%REQ(:AUTHORITY):100%",
    "method": "%PATH(NQ:PATH):200%",
    "grpc_status": "%GRPC_STATUS(SNAKE_STRING)%",
    "http_status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "detail": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "upstream": "%UPSTREAM_HOST%",
    "trace_id": _TRACE_ID,
}


def incoming(workload: str, which: AccessLogs) -> list[AccessLog]:
    """Of the calls of others; who calls is known from the certificate."""
    return _logs({"service": workload, "direction": "inbound", "caller": _CALLER}, which)


def outgoing(workload: str, which: AccessLogs) -> list[AccessLog]:
    """Of the application's own calls."""
    return _logs({"service": workload, "direction": "egress", "caller": workload}, which)


def _logs(known: Mapping[str, str], which: AccessLogs) -> list[AccessLog]:
    if which is AccessLogs.OFF:
        return []
    line = SubstitutionFormatString(omit_empty_values=True)
    line.json_format.update({**known, **_LINE})
    condition = _failed() if which is AccessLogs.ERRORS else at_least_one([_failed(), _no_health_check()])
    log = AccessLog(name=STDOUT, filter=condition)
    pack(log.typed_config, StdoutAccessLog(log_format=line))
    return [log]


def _failed() -> AccessLogFilter:
    """Not OK, or no proper end: a call that was broken off has a flag and perhaps no status. What is no gRPC
    never has one, which Envoy takes for a failure.
    """
    statuses = GrpcStatusFilter(statuses=[GrpcStatusFilter.Status.OK], exclude=True)
    is_grpc = header("content-type", StringMatcher(prefix="application/grpc"))
    return at_least_one(
        [
            both(is_grpc, AccessLogFilter(grpc_status_filter=statuses)),
            status(ComparisonFilter.Op.GE, 500, "access_log.failed.status"),
            flags(),
        ]
    )


def _no_health_check() -> AccessLogFilter:
    """Proxies ask each other all the time: a health check that is answered tells nothing."""
    asked = [header(":path", StringMatcher(prefix=HEALTH), invert=True)]
    asked.append(header(":path", StringMatcher(exact=HEALTH_PATH), invert=True))
    return both(*asked)
