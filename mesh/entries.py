"""The two entries, where callers from outside come in: Envoys that stand before all services, each with an
identity of its own. Their doors are written in envoy/edge.yaml; where a call goes, how often and how long,
comes from the policy, as for a sidecar.
"""

from __future__ import annotations

from collections.abc import Iterator

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.duration_pb2 import Duration

from mesh import rate_limits, rest
from mesh.envoy_values import overwriting, pack
from mesh.methods import BY_WORKLOAD, EVENT_PARTS, EVENTS, IDENTITIES, Role
from mesh.outgoing import routes
from mesh.policy import Policy
from mesh.policy_edge import Edge

ENTRY = "entry"
"""The name of an entry's routes, as envoy/edge.yaml asks for them."""
REFLECTION = "reflection"
"""What describes the services to a client, beside the entry; envoy/edge.yaml says where it is."""
ENTRY_HEADER = "x-ordermesh-entry"
PART_HEADER = "ordermesh-part"
"""Where several workloads serve the same RPC, the caller names the one that is meant."""


def is_entry(workload: str) -> bool:
    """Whether this identity is an entry's."""
    return IDENTITIES.get(workload) in (Role.EDGE, Role.OPERATOR)


def entry_routes(entry: str, policy: Policy) -> RouteConfiguration:
    """Everything that may be called from outside by this entry; the callee hears by which one."""
    found = list(_served(entry, policy))
    if IDENTITIES[entry] is Role.OPERATOR:
        parts = f"{', '.join(EVENT_PARTS[:-1])} or {EVENT_PARTS[-1]}"
        found.append(
            _nowhere(f"/{EVENTS}/", f"the metadata {PART_HEADER} must name the part that is meant: {parts}")
        )
    found += [_described("/grpc.reflection."), _described("/grpc.health.v1.Health/")]
    if IDENTITIES[entry] is Role.EDGE:
        found += rest.routes()
    callees = ", ".join(policy.callees(entry))
    found.append(
        _nowhere("/", f"not served here: the entry {entry!r} takes gRPC methods of {callees or 'nobody'}")
    )
    host = VirtualHost(
        name=entry,
        domains=["*"],
        routes=found,
        include_request_attempt_count=True,  # the callee's proxy wants to know (mesh.unsent)
    )
    if IDENTITIES[entry] is Role.EDGE:
        _open(host, policy.edge)
    told = overwriting(ENTRY_HEADER, entry)
    configuration = RouteConfiguration(name=ENTRY, request_headers_to_add=[told], virtual_hosts=[host])
    configuration.max_direct_response_body_size_bytes.value = rest.MAX_DOCUMENT_BYTES
    return configuration


def _served(entry: str, policy: Policy) -> Iterator[Route]:
    for callee in policy.callees(entry):
        for method in BY_WORKLOAD[callee].values():
            if method.is_health or not policy.allowed(entry, callee, method.path):
                continue
            for route in routes(entry, method, policy):
                if method.service == EVENTS:
                    route.match.headers.append(_header(PART_HEADER, callee))
                if IDENTITIES[entry] is Role.EDGE and (limit := policy.edge.limits.methods.get(method)):
                    pack(
                        route.typed_per_filter_config[rate_limits.FILTER], rate_limits.limiting(entry, limit)
                    )
                yield route


def _open(host: VirtualHost, edge: Edge) -> None:
    """What the public may do everywhere, unless a route says otherwise."""
    pack(host.typed_per_filter_config[rest.CORS], rest.cors(edge.origins))
    if others := edge.limits.others:
        pack(host.typed_per_filter_config[rate_limits.FILTER], rate_limits.limiting(host.name, others))


def _header(name: str, value: str) -> HeaderMatcher:
    return HeaderMatcher(name=name, string_match=StringMatcher(exact=value))


def _described(prefix: str) -> Route:
    action = RouteAction(cluster=REFLECTION, timeout=Duration())
    action.max_stream_duration.grpc_timeout_header_max.CopyFrom(Duration())
    return Route(match=RouteMatch(prefix=prefix), route=action)


def _nowhere(prefix: str, text: str) -> Route:
    """A gRPC client sees UNIMPLEMENTED with this text."""
    response = DirectResponseAction(status=404, body=DataSource(inline_string=text))
    return Route(match=RouteMatch(prefix=prefix), direct_response=response)
