"""The routes of a proxy's inbound: each method with those who may call it, and the faults that are injected.

Who calls is known from the certificate, never from a header. A rule is part of its route, so that a change of
the policy drains no connection.
"""

from __future__ import annotations

from collections.abc import Iterable

from envoy.config.rbac.v3 import rbac_pb2 as rules
from envoy.config.route.v3.route_components_pb2 import (
    HeaderMatcher,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.common.fault.v3.fault_pb2 import FaultDelay
from envoy.extensions.filters.http.fault.v3.fault_pb2 import FaultAbort, HTTPFault
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC, RBACPerRoute
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.duration_pb2 import Duration

from kit.channels import UNSENT_HEADER
from mesh.clusters import APPLICATION
from mesh.envoy_values import pack, share
from mesh.listeners import INBOUND, http_filter
from mesh.matches import match_of
from mesh.methods import BY_WORKLOAD, Method
from mesh.policy import Injected, Policy

RBAC_FILTER, FAULT_FILTER = "envoy.filters.http.rbac", "envoy.filters.http.fault"
CALLER_HEADER = "x-forwarded-client-cert"
"""Written by the proxy itself from the certificate that it has checked; what a caller sends is removed."""
SEVERAL = RegexMatcher(regex=".*URI=.*URI=.*")
"""In it, every URI of the certificate stands: a workload's has one."""


def filters() -> list[HttpFilter]:
    """What every call goes through: the rule of its route, then what is injected there."""
    return [http_filter(RBAC_FILTER, RBAC()), http_filter(FAULT_FILTER, HTTPFault())]


def inbound_routes(workload: str, policy: Policy, trust_domain: str) -> RouteConfiguration:
    """Everything that this workload serves; what is not listed is refused to everybody."""
    routes = [_several_identities()]
    for method in BY_WORKLOAD.get(workload, {}).values():
        callers = sorted(policy.callers(method))
        for caller in callers:
            if injected := policy.injected(caller, method):
                routes.append(_injected(method, caller, injected, trust_domain))
        routes.append(_route(method, callers, trust_domain))
    routes.append(_nobody())
    return RouteConfiguration(
        name=INBOUND,
        virtual_hosts=[VirtualHost(name=workload, domains=["*"], routes=routes)],
        # only a proxy can know it: neither side may say it; an answer of the proxy's own keeps it
        request_headers_to_remove=[UNSENT_HEADER],
        response_headers_to_remove=[UNSENT_HEADER],
    )


def _route(method: Method, callers: Iterable[str], trust_domain: str) -> Route:
    route = Route(match=match_of(method), route=_to_application())
    pack(route.typed_per_filter_config[RBAC_FILTER], _only(callers, trust_domain))
    if method.is_health:  # proxies ask all the time, and each would begin a trace
        route.tracing.overall_sampling.numerator = 0
    return route


def _injected(method: Method, caller: str, injected: Injected, trust_domain: str) -> Route:
    """The same for one caller, with a fault: before the callee's application, so that a retry can find
    another instance.
    """
    route = _route(method, [caller], trust_domain)
    uri = f"URI=spiffe://{trust_domain}/{caller}"
    route.match.headers.append(HeaderMatcher(name=CALLER_HEADER, string_match=StringMatcher(suffix=uri)))
    fault = HTTPFault()
    if injected.delay is not None:
        fault.delay.CopyFrom(FaultDelay(percentage=share(injected.delay_percentage)))
        fault.delay.fixed_delay.FromTimedelta(injected.delay)
    if injected.abort is not None:
        fault.abort.CopyFrom(
            FaultAbort(grpc_status=injected.abort, percentage=share(injected.abort_percentage))
        )
    pack(route.typed_per_filter_config[FAULT_FILTER], fault)
    return route


def _several_identities() -> Route:
    """One of them might be allowed what the other is not: Envoy's rules ask for one that fits."""
    route = _nobody()
    route.match.headers.append(
        HeaderMatcher(name=CALLER_HEADER, string_match=StringMatcher(safe_regex=SEVERAL))
    )
    return route


def _nobody() -> Route:
    route = Route(match=RouteMatch(prefix="/"), route=_to_application())
    pack(route.typed_per_filter_config[RBAC_FILTER], _only([], ""))
    return route


def _only(callers: Iterable[str], trust_domain: str) -> RBACPerRoute:
    """These identities and nobody else."""
    principals = [_principal(f"spiffe://{trust_domain}/{caller}") for caller in callers]
    rule = rules.Policy(permissions=[rules.Permission(any=True)], principals=principals)
    policies = {"callers": rule} if principals else {}
    return RBACPerRoute(rbac=RBAC(rules=rules.RBAC(action=rules.RBAC.Action.ALLOW, policies=policies)))


def _principal(spiffe_id: str) -> rules.Principal:
    name = StringMatcher(exact=spiffe_id)
    return rules.Principal(authenticated=rules.Principal.Authenticated(principal_name=name))


def _to_application() -> RouteAction:
    """As long as the caller waits: the caller's proxy has the limits."""
    action = RouteAction(cluster=APPLICATION, timeout=Duration())
    action.max_stream_duration.grpc_timeout_header_max.CopyFrom(Duration())
    return action
