"""Lets a real Envoy look at a snapshot before any proxy is told: it knows best what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, Pipe
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from google.protobuf.json_format import MessageToDict

from mesh.listeners import MANAGER, ROUTER, http_filter
from mesh.snapshot import CLUSTER, LISTENER, ROUTES, Snapshot

SECONDS = 20.0
CONTROL_PLANE: dict[str, Any] = {
    "name": "control-plane",
    "type": "STATIC",
    "typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    },
    "load_assignment": {"cluster_name": "control-plane"},
}


class Refused(Exception):
    """Envoy does not take it; the text is its own."""


def validate(envoy: Path, snapshot: Snapshot) -> None:
    """Raise Refused unless Envoy takes every cluster, listener and route of it."""
    # its launcher may be a Python script of another environment, which ours must not reach into
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bootstrap.json"
        path.write_text(json.dumps(bootstrap(snapshot)))
        command = [str(envoy), "--mode", "validate", "-c", str(path), "--log-level", "error"]
        done = subprocess.run(  # noqa: S603 - our own program and file
            command, capture_output=True, text=True, check=False, timeout=SECONDS, env=clean
        )
    if done.returncode:
        raise Refused(done.stderr.strip() or done.stdout.strip())


def bootstrap(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as a file that Envoy could start with; its routes stand in their listeners."""
    routes = {
        name: RouteConfiguration.FromString(found.value)
        for name, found in snapshot.resources.get(ROUTES, {}).items()
    }
    listeners = [
        _with_routes(Listener.FromString(found.value), routes)
        for found in snapshot.resources.get(LISTENER, {}).values()
    ]
    if not listeners:  # an entry has its doors already
        listeners = [_door(found) for found in routes.values()]
    clusters = [Cluster.FromString(found.value) for found in snapshot.resources.get(CLUSTER, {}).values()]
    service = {"envoy_grpc": {"cluster_name": "control-plane"}}
    return {
        "node": {"id": "dry-run", "cluster": "dry-run"},
        "dynamic_resources": {
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [service]}
        },
        "static_resources": {
            "clusters": [CONTROL_PLANE, *(_dict(cluster) for cluster in clusters)],
            "listeners": [_dict(listener) for listener in listeners],
        },
    }


def _with_routes(listener: Listener, routes: dict[str, RouteConfiguration]) -> Listener:
    for chain in listener.filter_chains:
        for found in chain.filters:
            manager = HttpConnectionManager()
            if found.typed_config.Unpack(manager) and manager.HasField("rds"):
                manager.route_config.CopyFrom(routes[manager.rds.route_config_name])
                found.typed_config.Pack(manager)
    return listener


def _door(routes: RouteConfiguration) -> Listener:
    """A listener for routes alone; the entry's own clusters are not known here."""
    manager = HttpConnectionManager(stat_prefix=routes.name, http_filters=[http_filter(ROUTER, Router())])
    manager.route_config.CopyFrom(routes)
    manager.route_config.validate_clusters.value = False
    listener = Listener(name=routes.name, address=Address(pipe=Pipe(path=routes.name)))
    listener.filter_chains.add().filters.add(name=MANAGER).typed_config.Pack(manager)
    return listener


def _dict(message: Cluster | Listener) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)
