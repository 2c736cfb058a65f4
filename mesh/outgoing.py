"""The routes of a proxy's egress: `:authority` names a workload, the path a method, the policy how to call.

What the policy does not let this caller do is answered here already; the callee's own proxy refuses it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from envoy.config.core.v3.base_pb2 import DataSource, Metadata, RuntimeFractionalPercent
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
    WeightedCluster,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from kit.channels import UNSENT_HEADER
from mesh.clusters import METADATA, SUBSET_KEY, version_name
from mesh.envoy_values import duration, pack, share
from mesh.listeners import EGRESS
from mesh.matches import match_of
from mesh.methods import BY_WORKLOAD, Method
from mesh.policy import HeaderRoute, MethodTraffic, Mirror, Policy

PREVIOUS_HOSTS = "envoy.retry_host_predicates.previous_hosts"
OTHER_HOST_TRIES = 20
"""How often another instance is drawn before the same one is tried again. One that is dead has nothing under
way, and least_request draws it three times of four.
"""
UNKNOWN = 503
"""gRPC shows a 404 as UNIMPLEMENTED, which would say of a workload that is not known what is not true."""


def egress_routes(caller: str, policy: Policy) -> RouteConfiguration:
    """Everything that this caller may call."""
    hosts = [_host(caller, callee, policy) for callee in policy.callees(caller)]
    hosts.append(VirtualHost(name="unknown", domains=["*"], routes=[_refusal(UNKNOWN)]))
    return RouteConfiguration(name=EGRESS, virtual_hosts=hosts)


def _host(caller: str, callee: str, policy: Policy) -> VirtualHost:
    found: list[Route] = []
    for method in BY_WORKLOAD[callee].values():
        if policy.allowed(caller, callee, method.path):
            found += routes(caller, method, policy)
    found.append(_refusal(403))  # gRPC: PERMISSION_DENIED
    return VirtualHost(
        name=callee,
        domains=[callee, f"{callee}:*"],
        routes=found,
        include_request_attempt_count=True,  # the callee's proxy wants to know (mesh.unsent)
    )


def routes(caller: str, method: Method, policy: Policy) -> Iterator[Route]:
    """One method, by its path: first the routes of calls with certain headers, then that of all others."""
    traffic = policy.traffic[method.workload].methods[method.name]
    mirror = policy.mirror.get(method.workload)
    for rule in policy.routes:
        if rule.target == method.workload and method in rule.methods and rule.source in (None, caller):
            action = _action(traffic, mirror)
            action.cluster = method.workload
            action.metadata_match.CopyFrom(_version(rule.version))
            yield Route(match=match_of(method, _headers(rule)), route=action)
    action = _action(traffic, mirror)
    if weights := policy.split.get(method.workload):
        clusters = [_weighted(method.workload, version, weight) for version, weight in weights.items()]
        action.weighted_clusters.CopyFrom(WeightedCluster(clusters=clusters))
    else:
        action.cluster = method.workload
    yield Route(match=match_of(method), route=action)


def _headers(rule: HeaderRoute) -> list[HeaderMatcher]:
    found = []
    for name, value in rule.headers.items():
        if value is None:
            found.append(HeaderMatcher(name=name, present_match=True))
        else:
            found.append(HeaderMatcher(name=name, string_match=StringMatcher(exact=value)))
    return found


def _action(traffic: MethodTraffic, mirror: Mirror | None) -> RouteAction:
    """How long, how often, and who hears it besides. The caller's own deadline counts where it is shorter."""
    action = RouteAction()
    if traffic.idle_timeout is not None:
        action.idle_timeout.CopyFrom(duration(traffic.idle_timeout))
    # the route's own `timeout` is not looked at beside these: the first is for who brings no deadline
    longest = duration(traffic.timeout or traffic.max_duration or timedelta(0))
    action.max_stream_duration.max_stream_duration.CopyFrom(longest)
    action.max_stream_duration.grpc_timeout_header_max.CopyFrom(longest)
    if traffic.retry_on:
        action.retry_policy.CopyFrom(_retry(traffic))
    if mirror is not None and traffic.method in mirror.methods:
        action.request_mirror_policies.append(_mirrored(mirror))
    return action


def _retry(traffic: MethodTraffic) -> RetryPolicy:
    policy = RetryPolicy(
        retry_on=",".join(traffic.retry_on), host_selection_retry_max_attempts=OTHER_HOST_TRIES
    )
    policy.num_retries.value = traffic.attempts
    policy.retriable_headers.add(name=UNSENT_HEADER, present_match=True)
    predicate = policy.retry_host_predicate.add(name=PREVIOUS_HOSTS)
    pack(predicate.typed_config, PreviousHostsPredicate())
    return policy


def _mirrored(mirror: Mirror) -> RouteAction.RequestMirrorPolicy:
    return RouteAction.RequestMirrorPolicy(
        cluster=version_name(mirror.target, mirror.version),
        runtime_fraction=RuntimeFractionalPercent(default_value=share(mirror.percentage)),
    )


def _weighted(cluster: str, version: str, weight: int) -> WeightedCluster.ClusterWeight:
    found = WeightedCluster.ClusterWeight(name=cluster, metadata_match=_version(version))
    found.weight.value = weight
    return found


def _version(version: str) -> Metadata:
    found = Metadata()
    found.filter_metadata[METADATA].update({SUBSET_KEY: version})
    return found


def _refusal(status: int) -> Route:
    response = DirectResponseAction(status=status, body=DataSource(inline_string=""))
    return Route(match=RouteMatch(prefix="/"), direct_response=response)
