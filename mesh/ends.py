"""Conditions on how a call ended, as Envoy asks them for its lines about calls and for its own replies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    HeaderFilter,
    OrFilter,
    ResponseFlagFilter,
    StatusCodeFilter,
)
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher


def flags(names: Iterable[str] = ()) -> AccessLogFilter:
    """One of Envoy's response flags; without names any of them."""
    return AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=names))


def status(op: ComparisonFilter.Op, code: int, key: str) -> AccessLogFilter:
    """An HTTP status that compares so with this one; `key` would override the number at run time."""
    comparison = ComparisonFilter(op=op)
    comparison.value.default_value = code
    comparison.value.runtime_key = key
    return AccessLogFilter(status_code_filter=StatusCodeFilter(comparison=comparison))


def header(name: str, value: StringMatcher, *, invert: bool = False) -> AccessLogFilter:
    """A header of the request that is so, or that is not."""
    matcher = HeaderMatcher(name=name, string_match=value, invert_match=invert)
    return AccessLogFilter(header_filter=HeaderFilter(header=matcher))


def at_least_one(conditions: Sequence[AccessLogFilter]) -> AccessLogFilter:
    """Of these; Envoy takes no list of one."""
    return AccessLogFilter(or_filter=OrFilter(filters=conditions)) if len(conditions) > 1 else conditions[0]


def both(one: AccessLogFilter, other: AccessLogFilter) -> AccessLogFilter:
    """The one and the other."""
    return AccessLogFilter(and_filter=AndFilter(filters=[one, other]))
