"""How a proxy reaches others: one cluster a workload, and one for its own application behind it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection
from envoy.config.core.v3.address_pb2 import Address, Pipe, SocketAddress
from envoy.config.core.v3.health_check_pb2 import HealthCheck as EnvoyHealthCheck
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from envoy.type.v3.http_pb2 import CodecClientType

from mesh.envoy_values import duration, pack
from mesh.hosts import is_address
from mesh.methods import HEALTH_PATH, PAGES
from mesh.policy import Balancing, Breaker, HealthCheck, Outliers, RetryBudget, Traffic
from mesh.registry import Instance
from mesh.tls import from_ads, to_peer

APPLICATION = "application"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
SUBSET_KEY = "version"
NO_KEY = "none"
"""What no instance is known by, and no call asks for."""
METADATA = "envoy.lb"
MOST_OPEN = 10_000
"""At an application, of connections over HTTP/1.1; the callers' breakers are the ones that limit."""
BALANCING = {
    Balancing.ROUND_ROBIN: Cluster.LbPolicy.ROUND_ROBIN,
    Balancing.LEAST_REQUEST: Cluster.LbPolicy.LEAST_REQUEST,
    Balancing.RANDOM: Cluster.LbPolicy.RANDOM,
}


def application(path: str, *, http1: bool = False) -> Cluster:
    """The workload's own application, on a socket that only its proxy can open. Over HTTP/1.1 each request
    that is open, and so each stream, has a connection of its own.
    """
    cluster = Cluster(name=APPLICATION, type=Cluster.DiscoveryType.STATIC)
    if http1:
        options = HttpProtocolOptions()
        options.explicit_http_config.http_protocol_options.SetInParent()
        pack(cluster.typed_extension_protocol_options[HTTP_OPTIONS], options)
        breakers = cluster.circuit_breakers.thresholds.add()
        for most in (breakers.max_connections, breakers.max_pending_requests, breakers.max_requests):
            most.value = MOST_OPEN
    else:
        _http2(cluster)
    endpoint = LbEndpoint(endpoint=Endpoint(address=Address(pipe=Pipe(path=path))))
    cluster.load_assignment.CopyFrom(
        ClusterLoadAssignment(
            cluster_name=APPLICATION, endpoints=[LocalityLbEndpoints(lb_endpoints=[endpoint])]
        )
    )
    return cluster


def plain(name: str, address: str, connect_timeout: timedelta) -> Cluster:
    """A gRPC server in the clear, `host:port`; a name is looked up."""
    host, _, port = address.rpartition(":")
    kind = Cluster.DiscoveryType.STATIC if is_address(host) else Cluster.DiscoveryType.STRICT_DNS
    cluster = Cluster(name=name, type=kind, connect_timeout=duration(connect_timeout))
    _http2(cluster)
    socket = Address(socket_address=SocketAddress(address=host, port_value=int(port)))
    endpoint = LbEndpoint(endpoint=Endpoint(address=socket))
    cluster.load_assignment.CopyFrom(
        ClusterLoadAssignment(cluster_name=name, endpoints=[LocalityLbEndpoints(lb_endpoints=[endpoint])])
    )
    return cluster


def workload(name: str, spiffe_id: str, traffic: Traffic) -> Cluster:
    """Another workload, wherever its instances are; only its own identity is accepted there."""
    cluster = Cluster(
        name=name,
        type=Cluster.DiscoveryType.EDS,
        eds_cluster_config=Cluster.EdsClusterConfig(eds_config=from_ads()),
        connect_timeout=duration(traffic.connect_timeout),
        lb_policy=BALANCING[traffic.balancing],
        transport_socket=to_peer(spiffe_id, name),
        circuit_breakers=_breakers(traffic.breaker, traffic.budget),
        outlier_detection=_outliers(traffic.outliers),
        health_checks=[_health(traffic.health_check, http=name in PAGES)],
        # what the registry takes out is out, whatever its health was
        ignore_health_on_host_removal=True,
    )
    # by default held back for a second: an instance would be called after its drain is acknowledged
    cluster.common_lb_config.update_merge_window.SetInParent()
    # by default below half of the instances all are called again, those that drain too: only if none is well
    cluster.common_lb_config.healthy_panic_threshold.value = 1
    cluster.lb_subset_config.fallback_policy = Cluster.LbSubsetConfig.LbSubsetFallbackPolicy.ANY_ENDPOINT
    cluster.lb_subset_config.subset_selectors.add().keys.append(SUBSET_KEY)
    _http2(cluster)
    return cluster


def one_version(name: str, version: str, spiffe_id: str, traffic: Traffic) -> Cluster:
    """The instances of a workload that are of one version; no other takes their place."""
    cluster = workload(name, spiffe_id, traffic)
    cluster.name = version_name(name, version)
    cluster.eds_cluster_config.service_name = name
    cluster.lb_subset_config.fallback_policy = Cluster.LbSubsetConfig.LbSubsetFallbackPolicy.DEFAULT_SUBSET
    cluster.lb_subset_config.default_subset.update({SUBSET_KEY: version})
    # a mirrored call still says which version the call itself goes to: here nobody asks; without any selector
    # Envoy would not look at versions at all
    cluster.lb_subset_config.subset_selectors[0].keys[:] = [NO_KEY]
    return cluster


def version_name(name: str, version: str) -> str:
    """What the cluster of one version is called."""
    return f"{name}-{version}"


def endpoints(name: str, instances: Iterable[Instance]) -> ClusterLoadAssignment:
    """Where a workload's instances take calls; one that drains gets no new ones."""
    found = []
    for instance in instances:
        host, _, port = instance.address.rpartition(":")
        address = Address(socket_address=SocketAddress(address=host, port_value=int(port)))
        state = HealthStatus.DRAINING if instance.draining else HealthStatus.UNKNOWN
        endpoint = LbEndpoint(endpoint=Endpoint(address=address), health_status=state)
        endpoint.metadata.filter_metadata[METADATA].update({SUBSET_KEY: instance.version})
        found.append(endpoint)
    return ClusterLoadAssignment(
        cluster_name=name, endpoints=[LocalityLbEndpoints(lb_endpoints=found)] if found else []
    )


def _http2(cluster: Cluster) -> None:
    options = HttpProtocolOptions()
    options.explicit_http_config.http2_protocol_options.SetInParent()
    pack(cluster.typed_extension_protocol_options[HTTP_OPTIONS], options)


def _breakers(breaker: Breaker, budget: RetryBudget) -> CircuitBreakers:
    thresholds = CircuitBreakers.Thresholds()
    thresholds.max_connections.value = breaker.connections
    thresholds.max_pending_requests.value = breaker.pending
    thresholds.max_requests.value = breaker.requests
    # of the first tries, for us; Envoy counts the second ones too, and those that wait for their turn
    thresholds.retry_budget.budget_percent.value = 100 * budget.percent / (100 + budget.percent)
    thresholds.retry_budget.min_retry_concurrency.value = budget.min_concurrency
    return CircuitBreakers(thresholds=[thresholds])


def _outliers(rule: Outliers) -> OutlierDetection:
    """One of two may be put out, and never the only one."""
    outliers = OutlierDetection(interval=duration(rule.interval), base_ejection_time=duration(rule.ejection))
    outliers.consecutive_5xx.value = rule.consecutive_errors
    outliers.consecutive_gateway_failure.value = rule.consecutive_errors
    outliers.enforcing_consecutive_gateway_failure.value = 100
    outliers.max_ejection_percent.value = rule.max_ejected_percent
    outliers.always_eject_one_host.value = False
    # its calls fail although it says that it is well: the next answer to a health check must not end that
    outliers.successful_active_health_check_uneject_host.value = False
    return outliers


def _health(rule: HealthCheck, *, http: bool) -> EnvoyHealthCheck:
    check = EnvoyHealthCheck(
        timeout=duration(rule.timeout),
        interval=duration(rule.interval),
        no_traffic_interval=duration(rule.interval),
    )
    check.unhealthy_threshold.value = rule.unhealthy_after
    check.healthy_threshold.value = rule.healthy_after
    if http:
        check.http_health_check.path = HEALTH_PATH
        check.http_health_check.codec_client_type = CodecClientType.HTTP2  # as proxies speak with each other
    else:
        check.grpc_health_check.SetInParent()
    return check
