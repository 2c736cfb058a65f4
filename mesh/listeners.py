"""The two doors of a sidecar: `inbound`, where other proxies call its application by mutual TLS; `egress`,
where its application calls everybody else in the clear, over a socket that only it can open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from envoy.config.core.v3.address_pb2 import Address, Pipe, SocketAddress
from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.core.v3.protocol_pb2 import Http2ProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.http.grpc_stats.v3.config_pb2 import FilterConfig as GrpcStats
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    Rds,
)
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue

from mesh import access_logs, tracing, unsent
from mesh.envoy_values import pack
from mesh.observing import Observing
from mesh.tls import from_ads, from_peers

INBOUND, EGRESS = "inbound", "egress"
MANAGER = "envoy.filters.network.http_connection_manager"
GRPC_STATS = "envoy.filters.http.grpc_stats"
ROUTER = "envoy.filters.http.router"
SOCKET_MODE = 0o600
CONNECTION_BYTES = 1 << 20
STREAMS = 1000


@dataclass(frozen=True)
class Door:
    """What both doors of a proxy have: filters, what is told of the calls, and the paths of the methods that
    are tried again only if nothing was sent (`mesh.unsent`).
    """

    observing: Observing
    filters: Sequence[HttpFilter] = ()
    unsent_paths: frozenset[str] = frozenset()


def inbound(host: str, port: int, trust_domain: str, lifetime: timedelta, door: Door) -> Listener:
    """Where other proxies call. A connection ends after `lifetime`, below half of a certificate's, for a new
    certificate is used by new connections only.
    """
    manager = _manager(INBOUND, door)
    manager.access_log.extend(access_logs.incoming(door.observing.workload, door.observing.access_logs))
    manager.local_reply_config.CopyFrom(unsent.at_callee(door.unsent_paths))
    manager.common_http_protocol_options.max_connection_duration.FromTimedelta(lifetime)
    # whoever calls is told to the application by its proxy only: what a caller says of itself is removed
    manager.forward_client_cert_details = HttpConnectionManager.ForwardClientCertDetails.SANITIZE_SET
    manager.set_current_client_cert_details.uri = True
    chain = FilterChain(filters=[_filter(manager)], transport_socket=from_peers(trust_domain))
    address = Address(socket_address=SocketAddress(address=host, port_value=port))
    return _listener(INBOUND, address, chain)


def egress(path: str, door: Door) -> Listener:
    """Where the application calls everybody else: `:authority` names whom."""
    manager = _manager(EGRESS, door)
    manager.access_log.extend(access_logs.outgoing(door.observing.workload, door.observing.access_logs))
    manager.local_reply_config.CopyFrom(unsent.at_caller(door.unsent_paths))
    chain = FilterChain(filters=[_filter(manager)])
    return _listener(EGRESS, Address(pipe=Pipe(path=path, mode=SOCKET_MODE)), chain)


def counted() -> HttpFilter:
    """Counts calls, failures and time by callee, not by method: a number a cluster, whatever is called."""
    return http_filter(GRPC_STATS, GrpcStats(stats_for_all_methods=BoolValue(value=False)))


def http_filter(name: str, config: Message) -> HttpFilter:
    """A filter with its configuration."""
    found = HttpFilter(name=name)
    pack(found.typed_config, config)
    return found


def _manager(name: str, door: Door) -> HttpConnectionManager:
    manager = HttpConnectionManager(
        stat_prefix=name,
        codec_type=HttpConnectionManager.CodecType.HTTP2,
        rds=Rds(route_config_name=name, config_source=from_ads()),
        http_filters=[*door.filters, http_filter(ROUTER, Router())],
        http2_protocol_options=Http2ProtocolOptions(),
        # a watcher's stream is silent for long; what has a deadline brings it along in grpc-timeout
        stream_idle_timeout=Duration(seconds=3600),
    )
    # a trace is known by its traceparent; only Envoy's tracer still needs an id of its own
    manager.generate_request_id.value = False
    if found := tracing.tracing(door.observing):
        manager.tracing.CopyFrom(found)
        manager.generate_request_id.value = True
    manager.http2_protocol_options.max_concurrent_streams.value = STREAMS
    manager.http2_protocol_options.allow_connect = False
    return manager


def _filter(manager: HttpConnectionManager) -> Filter:
    found = Filter(name=MANAGER)
    pack(found.typed_config, manager)
    return found


def _listener(name: str, address: Address, chain: FilterChain) -> Listener:
    listener = Listener(name=name, address=address, filter_chains=[chain])
    listener.traffic_direction = TrafficDirection.INBOUND if name == INBOUND else TrafficDirection.OUTBOUND
    listener.per_connection_buffer_limit_bytes.value = CONNECTION_BYTES
    return listener
