"""Render what an Envoy of the suite starts with: a sidecar's, or an entry's, from the templates in envoy/."""

from __future__ import annotations

import json
from copy import deepcopy
from string import Template
from typing import Any

import yaml

from ops import mesh_parts
from ops.site import Instance, Site
from ops.topology import HTTP

CONNECT_SECONDS = "1s"
TLS = "envoy.extensions.transport_sockets.tls.v3"
HTTP2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def sidecar(site: Site, instance: Instance, credential: str) -> str:
    """Of the proxy beside an instance; holds its join credential."""
    called = mesh_parts.takes_calls(instance)
    return _node(
        site,
        instance,
        credential,
        port=site.ports[instance.name] if called else 0,
        egress=site.socket(instance.name, "egress"),
        application=site.socket(instance.name, "app") if called else "",
    )


def entry(site: Site, name: str, credential: str) -> str:
    """Of an entry in the mesh: its doors as they are written; what is behind them the control plane tells."""
    doors = _doors(site, name)
    node = yaml.safe_load(_node(site, Instance(name, name), credential, port=0, egress="", application=""))
    doors["static_resources"]["clusters"] += node["static_resources"]["clusters"]
    del node["dynamic_resources"]["lds_config"]  # its doors are its own
    kept = {key: node[key] for key in node if key not in ("admin", "static_resources")}
    return json.dumps(doors | kept, indent=1)


def entry_without_mesh(site: Site, name: str) -> str:
    """Of an entry that calls the applications straight, by the routes that the policy gives it."""
    from google.protobuf.json_format import MessageToDict

    from mesh import entries, policy_reading

    policy = policy_reading.load(site.root / site.policy)
    doors = _doors(site, name)
    for listener in doors["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            manager = chain["filters"][0]["typed_config"]
            del manager["rds"]
            manager["route_config"] = MessageToDict(entries.entry_routes(name, policy))
    doors["static_resources"]["clusters"] += [_straight(site, callee) for callee in policy.callees(name)]
    return json.dumps(doors, indent=1)


def _node(
    site: Site, instance: Instance, credential: str, *, port: int, egress: str, application: str
) -> str:
    return _template(site, "sidecar.yaml").substitute(
        node_id=instance.name,
        workload=instance.workload,
        version=instance.version,
        host=site.host(instance.name),
        port=port,
        egress=egress,
        application=application,
        admin=site.socket(instance.name, "admin"),
        credential=credential,
        control=mesh_parts.xds(site),
        cache=mesh_parts.cache(site),
    )


def _observed(site: Site, name: str, doors: Any) -> None:
    """What the entry tells of its calls: a line for each that fails, and spans where there is a collector."""
    from google.protobuf.json_format import MessageToDict

    from mesh import access_logs, tracing
    from mesh.observing import Observing

    observing = Observing(name, traces=100.0, collector=site.otlp)
    for listener in doors["static_resources"]["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        lines = access_logs.outgoing(name, observing.access_logs)
        manager["access_log"] = [MessageToDict(one) for one in lines]
        if found := tracing.tracing(observing):
            manager["tracing"] = MessageToDict(found)
            doors["static_resources"]["clusters"].append(MessageToDict(tracing.collector(site.otlp)))


def _doors(site: Site, name: str) -> Any:
    admin: dict[str, Any] = {"pipe": {"path": site.socket(name, "admin"), "mode": 0o600}}
    if name == "edge" and not site.contained:
        admin = {"socket_address": {"address": site.bound, "port_value": site.ports["envoy_admin"]}}
    doors = yaml.safe_load(
        _template(site, "edge.yaml").substitute(
            entry=name,
            port=site.ports[name],
            admin=json.dumps(admin),
            reflection=mesh_parts.reflection(site, name),
        )
    )
    for listener in doors["static_resources"]["listeners"]:
        listener["address"]["socket_address"]["address"] = site.bound
    _observed(site, name, doors)
    if name == "edge":
        _open_to_the_public(site, doors["static_resources"])
    return doors


def _open_to_the_public(site: Site, resources: Any) -> None:
    """Make of the plain door what the public needs, and open it by TLS too."""
    from ops import edge_tokens, public_doors  # brings gRPC along

    for listener in resources["listeners"]:
        public_doors.furnish(site.root, listener["filter_chains"][0]["filters"][0]["typed_config"])
    resources["listeners"] += [_by_tls(site, listener) for listener in resources["listeners"]]
    resources["clusters"].append(edge_tokens.keys(site.ports["edge"]))


def _by_tls(site: Site, plain: Any) -> Any:
    """The same door once more, for callers who want it encrypted."""
    from ops import edge_certificate  # brings cryptography along

    folder = site.state / "run" if site.contained else site.tls
    listener = deepcopy(plain)
    listener["name"] = "edge_tls"
    listener["address"]["socket_address"]["port_value"] = site.ports["edge_tls"]
    for chain in listener["filter_chains"]:
        chain["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"type.googleapis.com/{TLS}.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                    "tls_certificates": [
                        {
                            "certificate_chain": {"filename": str(folder / edge_certificate.CERTIFICATE)},
                            "private_key": {"filename": str(folder / edge_certificate.KEY)},
                        }
                    ],
                },
            },
        }
    return listener


def _straight(site: Site, callee: str) -> dict[str, Any]:
    address = {"socket_address": {"address": site.host(callee), "port_value": site.ports[callee]}}
    windows = {"initial_stream_window_size": 65536, "initial_connection_window_size": 1048576}
    http = {"http_protocol_options": {}} if callee in HTTP else {"http2_protocol_options": windows}
    options = {"explicit_http_config": http}
    return {
        "name": callee,
        "connect_timeout": CONNECT_SECONDS,
        "typed_extension_protocol_options": {HTTP2: {"@type": f"type.googleapis.com/{HTTP2}"} | options},
        "load_assignment": {
            "cluster_name": callee,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _template(site: Site, name: str) -> Template:
    return Template((site.root / "envoy" / name).read_text())
