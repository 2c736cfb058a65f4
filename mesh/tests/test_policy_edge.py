"""What the public entry lets in: the section, its mistakes, and the routes that come of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2 import LocalRateLimit

from mesh.entries import entry_routes
from mesh.methods import BY_WORKLOAD
from mesh.policy_edge import Limit, Limits
from mesh.policy_reading import parse
from mesh.rate_limits import FILTER
from mesh.tests.test_policy_reading import NEXT, START, mistakes, policy

TEXT = (Path(__file__).resolve().parents[2] / "envoy" / "mesh.yaml").read_text()
SIGN_IN, PLACE_ORDER = BY_WORKLOAD["users"]["SignIn"], BY_WORKLOAD["orders"]["PlaceOrder"]


@pytest.mark.parametrize(
    ("more", "origins"),
    [
        ("", ("http://localhost:*",)),
        ("edge: {}", ("http://localhost:*",)),
        ("edge: {origins: []}", ()),
        (
            "edge: {origins: [https://shop.example, 'http://127.0.0.1:*']}",
            ("https://shop.example", "http://127.0.0.1:*"),
        ),
    ],
)
def test_pages_of_this_machine_may_call_unless_others_are_named(more: str, origins: tuple[str, ...]) -> None:
    assert policy(more).edge.origins == origins


@pytest.mark.parametrize(
    "origin", ["'*'", "shop.example", "https://shop.example/", "https://*.example", "'null'"]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    ((found, text),) = mistakes(f"{START}edge:\n  origins: [{origin}]\n")
    assert (found, "such as https://shop.example" in text) == (NEXT + 1, True)


def test_there_are_no_limits_but_those_that_are_said() -> None:
    assert policy("").edge.limits == policy("edge: {limits: {}}").edge.limits == Limits()


LIMITS = [
    ("{default: {per_second: 1}}", "`limits.default` lacks `burst`"),
    ("{default: {per_second: 0, burst: 1}}", "`per_second` of `limits.default`"),
    ("{default: {per_second: 3, burst: 2}}", "`burst` of `limits.default` is less than `per_second`"),
    ("{default: 5}", "`limits.default` is a map"),
    ("{defaults: {per_second: 1, burst: 1}}", "did you mean `default`?"),
    ("{orders: {PlaceOrders: {per_second: 1, burst: 1}}}", "did you mean `PlaceOrder`?"),
    ("{inventory: {ReserveStock: {per_second: 1, burst: 1}}}", "the edge does not let `ReserveStock`"),
]


@pytest.mark.parametrize(("limits", "said"), LIMITS)
def test_a_limit_that_is_none_is_refused(limits: str, said: str) -> None:
    ((line, text),) = mistakes(f"{START}edge:\n  limits: {limits}\n")
    assert line == NEXT + 1
    assert said in text


def test_a_route_has_the_limit_of_its_method_and_all_others_have_theirs() -> None:
    found = parse(TEXT)
    (host,) = entry_routes("edge", found).virtual_hosts
    by_path = {route.match.path: route for route in host.routes if route.match.path}
    assert found.edge.limits.others is not None
    assert bucket(host.typed_per_filter_config[FILTER].value) == found.edge.limits.others
    own = by_path[SIGN_IN.path].typed_per_filter_config[FILTER]
    limit = found.edge.limits.methods[SIGN_IN]
    assert bucket(own.value) == limit
    assert FILTER not in by_path[PLACE_ORDER.path].typed_per_filter_config


def test_the_operators_entry_has_no_limits() -> None:
    (host,) = entry_routes("operator", parse(TEXT)).virtual_hosts
    assert not any(FILTER in place.typed_per_filter_config for place in (host, *host.routes))


def bucket(packed: bytes) -> Limit:
    """That of each client, which all descriptors have."""
    buckets = [each.token_bucket for each in LocalRateLimit.FromString(packed).descriptors]
    assert all(each == buckets[0] for each in buckets)
    return Limit(buckets[0].tokens_per_fill.value, buckets[0].max_tokens)
