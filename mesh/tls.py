"""Mutual TLS between proxies: both sides show an X.509 SVID, and each knows whom it expects.

Keys and certificates come by SDS over the same stream, and change without a new connection being refused.
"""

from __future__ import annotations

from envoy.config.core.v3.base_pb2 import DataSource, TransportSocket
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.extensions.transport_sockets.tls.v3 import common_pb2 as tls
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig, Secret
from envoy.extensions.transport_sockets.tls.v3.tls_spiffe_validator_config_pb2 import (
    SPIFFECertValidatorConfig,
)
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.message import Message

from mesh.envoy_values import pack

BUNDLE = "trust-bundle"
"""The secret that holds the roots that are trusted now."""
IDENTITY = "identity"
"""The secret that holds a proxy's own certificate and key."""
SOCKET = "envoy.transport_sockets.tls"
SPIFFE = "envoy.tls.cert_validator.spiffe"
"""Checks what Envoy's own validator does not: a certificate that may sign others is no workload's. Like that
one it is content if one of several names fits (`mesh.incoming` is not).
"""


def from_ads() -> ConfigSource:
    """Whatever is told over the stream that this came by."""
    return ConfigSource(ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3)


def to_peer(spiffe_id: str, server_name: str) -> TransportSocket:
    """For calls to a workload: only its own identity is accepted, whatever address answers."""
    context = tls_pb2.UpstreamTlsContext(
        common_tls_context=_common(StringMatcher(exact=spiffe_id)), sni=server_name
    )
    # whoever resumes a session shows no certificate, and an old one might be past its life
    context.max_session_keys.value = 0
    return _socket(context)


def from_peers(trust_domain: str) -> TransportSocket:
    """For calls from workloads: any identity of our trust domain; which one may do what is RBAC's affair."""
    context = tls_pb2.DownstreamTlsContext(
        common_tls_context=_common(StringMatcher(prefix=f"spiffe://{trust_domain}/"))
    )
    context.require_client_certificate.value = True
    # as above
    context.disable_stateless_session_resumption = True
    context.disable_stateful_session_resumption = True
    return _socket(context)


def secrets(trust_domain: str, chain_pem: bytes, key_pem: bytes, bundle_pem: bytes) -> dict[str, Secret]:
    """A proxy's own certificate with its key, and the roots that it trusts."""
    mine = Secret(name=IDENTITY)
    mine.tls_certificate.certificate_chain.inline_bytes = chain_pem
    mine.tls_certificate.private_key.inline_bytes = key_pem
    roots = Secret(name=BUNDLE)
    trusted = SPIFFECertValidatorConfig.TrustDomain(
        name=trust_domain, trust_bundle=DataSource(inline_bytes=bundle_pem)
    )
    validator = roots.validation_context.custom_validator_config
    validator.name = SPIFFE
    pack(validator.typed_config, SPIFFECertValidatorConfig(trust_domains=[trusted]))
    return {IDENTITY: mine, BUNDLE: roots}


def _common(expected: StringMatcher) -> tls_pb2.CommonTlsContext:
    san = tls.SubjectAltNameMatcher(san_type=tls.SubjectAltNameMatcher.SanType.URI, matcher=expected)
    combined = tls_pb2.CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=tls.CertificateValidationContext(match_typed_subject_alt_names=[san]),
        validation_context_sds_secret_config=SdsSecretConfig(name=BUNDLE, sds_config=from_ads()),
    )
    context = tls_pb2.CommonTlsContext(
        alpn_protocols=["h2"],
        tls_certificate_sds_secret_configs=[SdsSecretConfig(name=IDENTITY, sds_config=from_ads())],
        combined_validation_context=combined,
    )
    context.tls_params.tls_minimum_protocol_version = tls.TlsParameters.TLSv1_3
    # a caller's own default ends at 1.2
    context.tls_params.tls_maximum_protocol_version = tls.TlsParameters.TLSv1_3
    return context


def _socket(context: Message) -> TransportSocket:
    socket = TransportSocket(name=SOCKET)
    pack(socket.typed_config, context)
    return socket
