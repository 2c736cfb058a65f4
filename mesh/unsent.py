"""Which of a proxy's own answers say that the call surely never reached the application.

They carry `x-ordermesh-unsent: 1`. It is said only if no try can have been heard: of a method that is tried
again after failures that decide nothing, only the first try counts, for nobody remembers how an earlier
one ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLogFilter,
    ComparisonFilter,
    ExtensionFilter,
)
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    LocalReplyConfig,
    ResponseMapper,
)
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from kit.channels import UNSENT_HEADER
from mesh.ends import at_least_one, both, flags, header, status
from mesh.envoy_values import overwriting, pack
from mesh.matches import path_matcher
from mesh.policy import UNANSWERED, Policy

ATTEMPT_HEADER = "x-envoy-attempt-count"
"""Which try this is, told by the caller's proxy; what a caller's application says of it is replaced."""
EQUAL = ComparisonFilter.Op.EQ
CEL = "envoy.access_loggers.extension_filters.cel"

PERHAPS_SENT = (
    "UT",  # the time was up: it may be at work
    "LR",
    "UR",
    "UC",  # the connection broke with the call on it
    "UPE",
    "UMSDR",
    "SI",
    "DC",  # the caller went away
    "DR",
    "DT",
    "DPE",
    "OM",
)
"""Envoy's flags of ends that may have come after the request had gone out. One of them rules everything out:
`UO` also stands beside them, when a second try was refused.
"""
NOT_SENT = (
    "UF",  # no connection
    "UH",  # nobody to connect to
    "UO",  # a breaker is open
    "NC",
    "NR",
    "FI",  # refused on purpose, before the application
    "RL",
)
"""Envoy's flags of ends before anything had gone out."""
REFUSED = (403, 503)
"""Without any flag: the rule of the route said no, or the route itself is a refusal."""


def once_or_surely_unsent(policy: Policy, workloads: Iterable[str]) -> frozenset[str]:
    """The paths of those methods of which every try but the last was surely not sent."""
    return frozenset(
        found.method.path
        for workload in policy.traffic.keys() & set(workloads)
        for found in policy.traffic[workload].methods.values()
        if not set(found.retry_on) & set(UNANSWERED)
    )


def at_caller(paths: Iterable[str]) -> LocalReplyConfig:
    """For an egress, or the edge; `paths` as from `once_or_surely_unsent`."""
    expression = ExpressionFilter(expression="upstream.request_attempt_count <= 1")
    first = AccessLogFilter(extension_filter=ExtensionFilter(name=CEL))
    pack(first.extension_filter.typed_config, expression)
    return _replies(first, paths)


def at_callee(paths: Iterable[str]) -> LocalReplyConfig:
    """For an inbound: the caller's proxy says which try it is."""
    return _replies(header(ATTEMPT_HEADER, StringMatcher(exact="1")), paths)


def _replies(first_try: AccessLogFilter, paths: Iterable[str]) -> LocalReplyConfig:
    """The first that fits is taken."""
    never_heard = [header(":path", path_matcher(path)) for path in sorted(paths)]
    no_doubt = at_least_one([first_try, *never_heard])
    refused = at_least_one([status(EQUAL, code, "access_log.unsent.status") for code in REFUSED])
    return LocalReplyConfig(
        mappers=[
            ResponseMapper(filter=flags(PERHAPS_SENT)),
            _told(both(flags(NOT_SENT), no_doubt)),
            ResponseMapper(filter=flags()),  # any other flag
            _told(both(refused, no_doubt)),
        ]
    )


def _told(condition: AccessLogFilter) -> ResponseMapper:
    return ResponseMapper(filter=condition, headers_to_add=[overwriting(UNSENT_HEADER, "1")])
