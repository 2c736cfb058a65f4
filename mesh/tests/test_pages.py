"""Workloads that speak HTTP: told and called as others are, but for what HTTP is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.route.v3.route_components_pb2 import Route
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from mesh.clusters import APPLICATION, HTTP_OPTIONS
from mesh.dry_run import validate
from mesh.entries import entry_routes
from mesh.methods import BY_WORKLOAD, HEALTH_PATH, PAGES, SERVE
from mesh.policy import UNSENT, Allow, Policy
from mesh.policy_reading import parse
from mesh.snapshot import CLUSTER
from mesh.tests.policies import policy
from mesh.tests.test_sidecar import ENVOY, callers, routes, told
from mesh.tests.texts import TEXT

each_front = pytest.mark.parametrize("front", PAGES)


def opened(front: str) -> Policy:
    return policy(Allow("edge", front, frozenset({BY_WORKLOAD[front][SERVE]}), 9))


def cluster(name: str, workload: str, found: Policy) -> Cluster:
    return Cluster.FromString(told(workload, found).resources[CLUSTER][name].value)


def protocol(found: Cluster) -> str:
    options = HttpProtocolOptions()
    assert found.typed_extension_protocol_options[HTTP_OPTIONS].Unpack(options)
    return str(options.explicit_http_config.WhichOneof("protocol_config"))


@each_front
def test_proxies_speak_http2_with_each_other_and_http1_with_the_application(front: str) -> None:
    found = opened(front)
    assert protocol(cluster(APPLICATION, front, found)) == "http_protocol_options"
    assert protocol(cluster(front, "edge", found)) == "http2_protocol_options"
    assert protocol(cluster(APPLICATION, "orders", found)) == "http2_protocol_options"


@each_front
def test_its_health_is_asked_by_http(front: str) -> None:
    (check,) = cluster(front, "edge", opened(front)).health_checks
    assert check.http_health_check.path == HEALTH_PATH
    (other,) = cluster("inventory", "orders", policy()).health_checks
    assert other.HasField("grpc_health_check")


@each_front
def test_only_the_edge_comes_in_and_only_below_its_path(front: str) -> None:
    doors = routes(told(front, opened(front)), "inbound")
    by_match = {route.match.path or route.match.prefix: callers(route) for route in doors}
    assert by_match[PAGES[front]] == ["edge"]
    assert set(by_match) == {PAGES[front], HEALTH_PATH, "/"}
    assert by_match["/"] == []


def way_in(front: str) -> Route:
    (host,) = entry_routes("edge", parse(TEXT)).virtual_hosts
    (found,) = (route for route in host.routes if route.match.prefix == PAGES[front])
    return found


@each_front
def test_a_request_may_take_as_long_as_a_stream_and_is_sent_again_only_if_it_never_was(front: str) -> None:
    action = way_in(front).route
    assert action.cluster == front
    assert action.max_stream_duration.max_stream_duration.ToTimedelta() == timedelta(hours=1)
    assert action.idle_timeout.ToTimedelta() == timedelta(hours=1)
    assert action.retry_policy.retry_on == ",".join(UNSENT)


@each_front
def test_the_operator_s_entry_has_no_pages(front: str) -> None:
    (host,) = entry_routes("operator", parse(TEXT)).virtual_hosts
    assert front not in {route.route.cluster for route in host.routes}


@each_front
def test_envoy_takes_what_its_proxy_and_the_edge_are_told(front: str) -> None:
    for workload in (front, "edge"):
        validate(ENVOY, told(workload, opened(front)))
