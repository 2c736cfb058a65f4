"""An Envoy that is none of the mesh's: it has a good certificate of every identity, and obeys no policy.

What a caller's own sidecar would refuse never gets to the callee's. With this one everything does, so that a
test sees what the callee's sidecar lets through.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mesh.authority import Authority
from mesh.identity import TRUST_DOMAIN
from ops.suite import Suite
from tests.harness.breaking import wait_for

LIFE = timedelta(minutes=10)
EXTENSIONS = "type.googleapis.com/envoy.extensions"
MANAGER = "filters.network.http_connection_manager.v3.HttpConnectionManager"


@contextmanager
def intruder(
    suite: Suite, folder: Path, callers: tuple[str, ...], callees: tuple[str, ...]
) -> Iterator[None]:
    """Run it for the length of a block; a caller's calls go in at `door(folder, caller)`."""
    authority = Authority(suite.directory / "mesh" / "authority", lambda: datetime.now(UTC))
    listeners, clusters = [], []
    for caller in callers:
        leaf = authority.issue(caller, LIFE)
        mine = {
            "certificate_chain": {"inline_string": leaf.certificate_chain.decode()},
            "private_key": {"inline_string": leaf.private_key.decode()},
        }
        listeners.append(_listener(caller, door(folder, caller), callees))
        for callee in callees:
            clusters.append(_cluster(caller, callee, suite.ports[callee], mine, authority.bundle().decode()))
    bootstrap = folder / "intruder.yaml"
    bootstrap.touch(0o600)
    bootstrap.write_text(json.dumps({"static_resources": {"listeners": listeners, "clusters": clusters}}))
    command = [
        str(suite.site.programs.envoy), "-c", str(bootstrap),
        "--concurrency", "1", "--disable-hot-restart", "--log-level", "error",
    ]  # fmt: skip
    with subprocess.Popen(command) as envoy:
        try:
            wait_for(lambda: door(folder, callers[-1]).is_socket(), "the intruder to listen")
            yield
        finally:
            envoy.terminate()


def door(folder: Path, caller: str) -> Path:
    """Where calls go in that are to come from this caller; `:authority` names the callee."""
    return folder / f"{caller}.sock"


def _listener(caller: str, path: Path, callees: tuple[str, ...]) -> dict[str, Any]:
    hosts = [
        {
            "name": callee,
            "domains": [callee],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": f"{caller}-{callee}"}}],
        }
        for callee in callees
    ]
    manager = {
        "@type": f"{EXTENSIONS}.{MANAGER}",
        "stat_prefix": caller,
        "codec_type": "HTTP2",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"},
            }
        ],
    }
    name = "envoy.filters.network.http_connection_manager"
    return {
        "name": caller,
        "address": {"pipe": {"path": str(path)}},
        "filter_chains": [{"filters": [{"name": name, "typed_config": manager}]}],
    }


def _cluster(caller: str, callee: str, port: int, mine: Mapping[str, Any], bundle: str) -> dict[str, Any]:
    expected = {"san_type": "URI", "matcher": {"exact": f"spiffe://{TRUST_DOMAIN}/{callee}"}}
    tls = {
        "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
            "tls_certificates": [mine],
            "validation_context": {
                "trusted_ca": {"inline_string": bundle},
                "match_typed_subject_alt_names": [expected],
            },
        },
    }
    http2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "name": f"{caller}-{callee}",
        "connect_timeout": "5s",
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
        "typed_extension_protocol_options": {
            http2: {
                "@type": f"type.googleapis.com/{http2}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": f"{caller}-{callee}",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
