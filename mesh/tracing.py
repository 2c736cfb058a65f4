"""Spans of a proxy, made only where there is a collector; recorded if who began the trace says so."""

from __future__ import annotations

from datetime import timedelta

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.trace.v3.http_tracer_pb2 import Tracing as Tracers
from envoy.config.trace.v3.opentelemetry_pb2 import OpenTelemetryConfig
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from mesh import clusters
from mesh.envoy_values import duration, pack
from mesh.observing import Observing

COLLECTOR = "collector"
TRACER = "envoy.tracers.opentelemetry"
PATH_BYTES = 200
CONNECT = timedelta(seconds=1)
EXPORT = timedelta(seconds=2)


def tracing(observing: Observing) -> HttpConnectionManager.Tracing | None:
    """What a door does about spans; None without a collector, and `traceparent` passes untouched then.

    The percentage is for calls that bring no trace along. Who brings one has decided already.
    """
    if not observing.collector:
        return None
    service = GrpcService(timeout=duration(EXPORT))
    service.envoy_grpc.cluster_name = COLLECTOR
    provider = Tracers.Http(name=TRACER)
    pack(provider.typed_config, OpenTelemetryConfig(grpc_service=service, service_name=observing.workload))
    found = HttpConnectionManager.Tracing(provider=provider, operation="%PATH(NQ:PATH):200%")
    found.max_path_tag_length.value = PATH_BYTES
    found.client_sampling.value = 0
    found.random_sampling.value = observing.traces
    found.overall_sampling.value = 100
    return found


def collector(address: str) -> Cluster:
    """Where spans go: an OTLP server in the clear, on this machine or beside it."""
    return clusters.plain(COLLECTOR, address, CONNECT)
