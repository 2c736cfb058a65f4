"""What the public entry answers itself under /api/v1: its OpenAPI document, what may be done at a path that
is called otherwise, and which pages may call.

A call that fits goes the way of its RPC: the entry's transcoder (envoy/public.yaml) puts the RPC's path in
the place of its own, and a route is chosen anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from envoy.config.core.v3.base_pb2 import DataSource, HeaderValueOption
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    Route,
    RouteAction,
    RouteMatch,
)
from envoy.extensions.filters.http.cors.v3.cors_pb2 import CorsPolicy
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.api import annotations_pb2
from google.protobuf import descriptor_pool

import ordermesh
from mesh.envoy_values import overwriting
from mesh.methods import PUBLIC

API = "/api/v1/"
DOCUMENT_PATH = f"{API}openapi.json"
DOCUMENT = Path(next(iter(ordermesh.__path__))).parents[1] / "openapi.json"
"""Generated from the protos, beside the code that is."""
MAX_DOCUMENT_BYTES = 256 * 1024
CORS = "envoy.filters.http.cors"
ASKED = "authorization, content-type, grpc-timeout, last-event-id, traceparent, x-grpc-web, x-user-agent"
"""The headers that a page may send."""
TOLD = "grpc-status, grpc-message, grpc-status-details-bin, retry-after"
"""The headers that a page may read."""
PREFLIGHT_SECONDS = "600"
NOWHERE = RouteAction(cluster_header="x-ordermesh-nowhere")
"""Envoy's filter for CORS works only on the way to a cluster. This is one until the transcoder has chosen; a
call that it does not take for one of ours gets 404, for no client can set this header.
"""

_VARIABLE = re.compile(r"\{[a-z_]+\}")


@dataclass(frozen=True)
class Way:
    """The way in to an RPC by HTTP."""

    rpc: str
    verb: str
    template: str

    @property
    def pattern(self) -> str:
        """A regular expression of the paths that fit."""
        literal = (re.escape(part) for part in _VARIABLE.split(self.template))
        return "[^/:]+".join(literal)


def ways() -> Iterator[Way]:
    """Every one that the protos of public services write down, as google.api.http."""
    pool = descriptor_pool.Default()
    for service in map(pool.FindServiceByName, sorted(PUBLIC)):
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            if verb := rule.WhichOneof("pattern"):
                yield Way(f"/{service.full_name}/{method.name}", verb.upper(), getattr(rule, verb))


def routes() -> Iterator[Route]:
    """The questions of browsers, the document, the ways in, and 405 where another method would be one."""
    asks = HeaderMatcher(name="access-control-request-method", present_match=True)
    yield Route(match=RouteMatch(prefix="/", headers=[_method("OPTIONS"), asks]), route=NOWHERE)
    yield _document()
    yield _only(re.escape(DOCUMENT_PATH), ["GET"])
    by_pattern: dict[str, list[str]] = {}
    for way in ways():
        by_pattern.setdefault(way.pattern, []).append(way.verb)
    for pattern, verbs in sorted(by_pattern.items()):
        for verb in sorted(verbs):
            match = RouteMatch(safe_regex=RegexMatcher(regex=pattern), headers=[_method(verb)])
            yield Route(match=match, route=NOWHERE)
        yield _only(pattern, sorted(verbs))
    text = DataSource(inline_string=f"no such resource; {DOCUMENT_PATH} lists all")
    found = Route(match=RouteMatch(prefix=API), direct_response=DirectResponseAction(status=404, body=text))
    found.response_headers_to_add.append(_readable())
    yield found


def cors(origins: Iterable[str]) -> CorsPolicy:
    """Which pages may call from a browser, and how; the configuration of the filter `CORS`."""
    policy = CorsPolicy(
        allow_origin_string_match=[_origin(origin) for origin in origins],
        allow_methods="GET, POST",
        allow_headers=ASKED,
        expose_headers=TOLD,
        max_age=PREFLIGHT_SECONDS,
    )
    policy.forward_not_matching_preflights.value = False
    return policy


def _document() -> Route:
    body = DataSource(inline_bytes=DOCUMENT.read_bytes())
    found = Route(
        match=RouteMatch(path=DOCUMENT_PATH, headers=[_method("GET")]),
        direct_response=DirectResponseAction(status=200, body=body),
    )
    found.response_headers_to_add.extend([overwriting("content-type", "application/json"), _readable()])
    return found


def _origin(origin: str) -> StringMatcher:
    host = origin.removesuffix(":*")
    if host == origin:
        return StringMatcher(exact=origin)
    return StringMatcher(safe_regex=RegexMatcher(regex=f"{re.escape(host)}(:[0-9]+)?"))


def _method(verb: str) -> HeaderMatcher:
    return HeaderMatcher(name=":method", string_match=StringMatcher(exact=verb))


def _only(pattern: str, verbs: list[str]) -> Route:
    allowed = ", ".join(verbs)
    text = DataSource(inline_string=f"only {allowed} can be done here")
    found = Route(
        match=RouteMatch(safe_regex=RegexMatcher(regex=pattern)),
        direct_response=DirectResponseAction(status=405, body=text),
    )
    found.response_headers_to_add.extend([overwriting("allow", allowed), _readable()])
    return found


def _readable() -> HeaderValueOption:
    """What the entry answers by itself the filter for CORS does not see. It is the same for everybody."""
    return overwriting("access-control-allow-origin", "*")
