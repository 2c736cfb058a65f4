"""How many calls of one client the public entry takes, as Envoy's local rate limit: a bucket of calls for
each client, in the entry itself, so that no call waits for a counter elsewhere.

A client is the user of the token that the entry has verified; who calls without one is an address. Nothing
that a caller can make up is a client: a name in a header would be a new bucket each time.
"""

from __future__ import annotations

from datetime import timedelta

from envoy.config.core.v3.base_pb2 import RuntimeFractionalPercent
from envoy.config.route.v3.route_components_pb2 import RateLimit
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import (
    LocalRateLimitDescriptor,
    RateLimitDescriptor,
    XRateLimitHeadersRFCVersion,
)
from envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2 import LocalRateLimit
from envoy.type.metadata.v3.metadata_pb2 import MetadataKey
from envoy.type.v3.token_bucket_pb2 import TokenBucket

from mesh.envoy_values import duration, share
from mesh.policy_edge import Limit

FILTER = "envoy.filters.http.local_ratelimit"
TOKENS, CLAIMS = "envoy.filters.http.jwt_authn", "claims"
"""Where the entry's filter for tokens (ops/edge_tokens.py) leaves what a good one says."""
NOBODY = "nobody"
MOST_CLIENTS = 10_000
"""Whoever called longest ago is forgotten, and may begin anew."""

_USER, _ADDRESS = "user", "masked_remote_address"
_NETWORK_BITS = 64
"""Of an IPv6 address: one subscriber has all the others."""


def limiting(name: str, limit: Limit) -> LocalRateLimit:
    """The configuration of the filter for the calls of a route."""
    always = RuntimeFractionalPercent(default_value=share(100))
    found = LocalRateLimit(
        stat_prefix=name,
        filter_enabled=always,
        filter_enforced=always,
        descriptors=[_each(limit, **{_USER: ""}), _each(limit, **{_USER: NOBODY, _ADDRESS: ""})],
        rate_limits=[RateLimit(actions=[_user()]), RateLimit(actions=[_user(NOBODY), _address()])],
        enable_x_ratelimit_headers=XRateLimitHeadersRFCVersion.DRAFT_VERSION_03,
        rate_limited_as_resource_exhausted=True,
    )
    found.token_bucket.CopyFrom(_unlimited())
    found.always_consume_default_token_bucket.value = False
    found.max_dynamic_descriptors.value = MOST_CLIENTS
    return found


def _each(limit: Limit, **entries: str) -> LocalRateLimitDescriptor:
    """A bucket for each value of what is empty here."""
    named = [RateLimitDescriptor.Entry(key=key, value=value) for key, value in entries.items()]
    return LocalRateLimitDescriptor(entries=named, token_bucket=_bucket(limit))


def _bucket(limit: Limit) -> TokenBucket:
    found = TokenBucket(max_tokens=limit.burst)
    found.tokens_per_fill.value = limit.per_second
    found.fill_interval.CopyFrom(duration(timedelta(seconds=1)))
    return found


def _unlimited() -> TokenBucket:
    """What Envoy wants for calls that no descriptor fits, of which there are none."""
    return _bucket(Limit(per_second=2**31, burst=2**31))


def _user(otherwise: str = "") -> RateLimit.Action:
    """The subject of a good token; no descriptor at all without one, unless something else is named."""
    key = MetadataKey(key=TOKENS, path=[MetadataKey.PathSegment(key=part) for part in (CLAIMS, "sub")])
    metadata = RateLimit.Action.MetaData(descriptor_key=_USER, metadata_key=key, default_value=otherwise)
    return RateLimit.Action(metadata=metadata)


def _address() -> RateLimit.Action:
    found = RateLimit.Action.MaskedRemoteAddress()
    found.v6_prefix_mask_len.value = _NETWORK_BITS
    return RateLimit.Action(masked_remote_address=found)
