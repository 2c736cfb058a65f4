"""Tokens at the public entry: a call of a method for users is refused there already unless its token is good.
Each kind of client has doors and an audience of its own. The services verify every token again themselves.

The keys come from the users service by the entry's own REST, so that they are fetched, retried and routed as
every call is, with the mesh and without.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ops.site import HOST

Json = dict[str, Any]

FILTER = "envoy.filters.http.jwt_authn"
KEYS, KEYS_PATH = "keys", "/api/v1/keys"
KEYS_SECONDS = "60s"
"""How long they are kept: far below the time that a new key is published before it signs (kit.tokens)."""
FETCH_SECONDS = "2s"
API, WEB, MOBILE, PARTNER = "ordermesh-api", "ordermesh-web", "ordermesh-mobile", "ordermesh-partner"
DOORS = {"/web/": WEB, "/mobile/": MOBILE, "/partner/": PARTNER}
"""The backends' paths and whose tokens they take. Without one they are let through: signing in is done there
too, and the backend knows what needs a token."""
_SCHEMES = ("Bearer ", "bearer ")


def verification() -> Json:
    """The filter, for a place where gRPC paths are known already and before anything is counted or routed."""
    config = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {audience: _provider(audience) for audience in (API, *DOORS.values())},
        "rules": [*_methods(), *_backends()],
    }
    return {"name": FILTER, "typed_config": config}


def keys(port: int) -> Json:
    """The cluster that the filter asks: the entry's own plain door."""
    address = {"socket_address": {"address": HOST, "port_value": port}}
    return {
        "name": KEYS,
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": KEYS,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _provider(audience: str) -> Json:
    from kit.tokens import ISSUER
    from mesh.rate_limits import CLAIMS

    uri = {"uri": f"http://{KEYS}{KEYS_PATH}", "cluster": KEYS, "timeout": FETCH_SECONDS}
    return {
        "issuer": ISSUER,
        "audiences": [audience],
        "require_expiration": True,
        "clock_skew_seconds": 5,  # as kit.tokens
        # fetched ahead and again, but no door waits for it: the entry is up before the users service
        "remote_jwks": {
            "http_uri": uri,
            "cache_duration": KEYS_SECONDS,
            "async_fetch": {"fast_listener": True},
        },
        # by default a token is taken from the query too, where it would be logged
        "from_headers": [{"name": "Authorization", "value_prefix": scheme} for scheme in _SCHEMES],
        "forward": True,
        "payload_in_metadata": CLAIMS,  # tells who calls to the limits (mesh/rate_limits.py)
        "jwt_cache_config": {"jwt_cache_size": 1000},
    }


def _methods() -> Iterator[Json]:
    from mesh.methods import METHODS, PUBLIC, Access

    for method in METHODS:
        if method.service in PUBLIC and method.access is Access.USER:
            yield {"match": {"path": method.path}, "requires": {"provider_name": API}}


def _backends() -> Iterator[Json]:
    for prefix, audience in DOORS.items():
        either = {"requirements": [{"provider_name": audience}, {"allow_missing": {}}]}
        yield {"match": {"prefix": prefix}, "requires": {"requires_any": either}}
