"""Which requests are calls of a method: by its path, or by the beginning of it."""

from __future__ import annotations

from collections.abc import Sequence

from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, RouteMatch
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from mesh.methods import Method


def match_of(method: Method, headers: Sequence[HeaderMatcher] = ()) -> RouteMatch:
    """For a route; with these headers, if there are any."""
    if method.path.endswith("/"):
        return RouteMatch(prefix=method.path, headers=headers)
    return RouteMatch(path=method.path, headers=headers)


def path_matcher(path: str) -> StringMatcher:
    """For a condition on the path of a request."""
    return StringMatcher(prefix=path) if path.endswith("/") else StringMatcher(exact=path)
