"""How a proxy reaches others: one cluster a workload, and one for its own application behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection
from envoy.config.core.v3.address_pb2 import Address, Pipe, SocketAddress
from envoy.config.core.v3.health_check_pb2 import HealthCheck, HealthStatus
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.duration_pb2 import Duration

from mesh.registry import Instance
from mesh.tls import from_ads, to_peer

APPLICATION = "application"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
SUBSET_KEY = "version"
METADATA = "envoy.lb"


@dataclass(frozen=True)
class Limits:
    """What a caller's proxy allows towards one workload; seconds and numbers."""

    connect_seconds: float = 1.0
    max_requests: int = 1024
    retry_budget_percent: float = 20.0
    min_retry_concurrency: int = 1
    health_seconds: float = 1.0
    eject_after: int = 5
    eject_interval_seconds: float = 1.0
    eject_seconds: float = 2.0
    max_ejection_percent: int = 50


def application(path: str) -> Cluster:
    """The workload's own application, on a socket that only its proxy can open."""
    cluster = Cluster(name=APPLICATION, type=Cluster.DiscoveryType.STATIC)
    _http2(cluster)
    endpoint = LbEndpoint(endpoint=Endpoint(address=Address(pipe=Pipe(path=path))))
    cluster.load_assignment.CopyFrom(
        ClusterLoadAssignment(
            cluster_name=APPLICATION, endpoints=[LocalityLbEndpoints(lb_endpoints=[endpoint])]
        )
    )
    return cluster


def workload(name: str, spiffe_id: str, limits: Limits) -> Cluster:
    """Another workload, wherever its instances are; only its own identity is accepted there."""
    cluster = Cluster(
        name=name,
        type=Cluster.DiscoveryType.EDS,
        eds_cluster_config=Cluster.EdsClusterConfig(eds_config=from_ads()),
        connect_timeout=_duration(limits.connect_seconds),
        lb_policy=Cluster.LbPolicy.LEAST_REQUEST,
        transport_socket=to_peer(spiffe_id, name),
        circuit_breakers=_breakers(limits),
        outlier_detection=_outliers(limits),
        health_checks=[_health(limits)],
        # what the registry takes out is out, whatever its health was
        ignore_health_on_host_removal=True,
    )
    cluster.lb_subset_config.fallback_policy = Cluster.LbSubsetConfig.LbSubsetFallbackPolicy.ANY_ENDPOINT
    selector = cluster.lb_subset_config.subset_selectors.add()
    selector.keys.append(SUBSET_KEY)
    _http2(cluster)
    return cluster


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
    cluster.typed_extension_protocol_options[HTTP_OPTIONS].Pack(options)


def _breakers(limits: Limits) -> CircuitBreakers:
    thresholds = CircuitBreakers.Thresholds()
    thresholds.max_requests.value = limits.max_requests
    thresholds.retry_budget.budget_percent.value = limits.retry_budget_percent
    thresholds.retry_budget.min_retry_concurrency.value = limits.min_retry_concurrency
    return CircuitBreakers(thresholds=[thresholds])


def _outliers(limits: Limits) -> OutlierDetection:
    """One of two may be put out, and never the only one."""
    outliers = OutlierDetection(
        interval=_duration(limits.eject_interval_seconds),
        base_ejection_time=_duration(limits.eject_seconds),
    )
    outliers.consecutive_5xx.value = limits.eject_after
    outliers.consecutive_gateway_failure.value = limits.eject_after
    outliers.enforcing_consecutive_gateway_failure.value = 100
    outliers.max_ejection_percent.value = limits.max_ejection_percent
    outliers.always_eject_one_host.value = False
    return outliers


def _health(limits: Limits) -> HealthCheck:
    check = HealthCheck(
        timeout=_duration(1.0),
        interval=_duration(limits.health_seconds),
        no_traffic_interval=_duration(limits.health_seconds * 5),
    )
    check.unhealthy_threshold.value = 2
    check.healthy_threshold.value = 1
    check.grpc_health_check.SetInParent()
    return check


def _duration(seconds: float) -> Duration:
    found = Duration()
    found.FromNanoseconds(round(seconds * 1e9))
    return found
