"""The ways in by HTTP that the protos write down, and the routes that the public entry makes of them."""

import re

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pool

from mesh import rest
from mesh.entries import entry_routes
from mesh.methods import METHODS, PUBLIC, open_to
from mesh.policy_reading import parse
from mesh.tests.texts import TEXT

WAYS = list(rest.ways())


def annotated(path: str) -> bool:
    if not path.startswith("/ordermesh."):
        return False
    method = descriptor_pool.Default().FindMethodByName(path[1:].replace("/", "."))
    return bool(method.GetOptions().HasExtension(annotations_pb2.http))


def test_every_method_that_the_edge_serves_has_a_way_in_and_no_other_method() -> None:
    served = {m.path for m in METHODS if m.service in PUBLIC and open_to("edge", m) and not m.is_health}
    assert {method.path for method in METHODS if annotated(method.path)} == served
    assert {way.rpc for way in WAYS} == served


def test_the_ways_in_are_different_and_lie_in_this_version() -> None:
    assert len({(way.verb, way.template) for way in WAYS}) == len(WAYS)
    assert [way.template for way in WAYS if not way.template.startswith(rest.API)] == []


def test_no_path_fits_the_patterns_of_two() -> None:
    for way in WAYS:
        path = re.sub(r"\{[a-z_]+\}", "some-id", way.template)
        fits = {other.template for other in WAYS if re.fullmatch(other.pattern, path)}
        assert fits == {way.template}


def test_only_the_public_entry_answers_rest() -> None:
    (edge,) = entry_routes("edge", parse(TEXT)).virtual_hosts
    (operator,) = entry_routes("operator", parse(TEXT)).virtual_hosts
    assert rest.DOCUMENT_PATH in {route.match.path for route in edge.routes}
    assert rest.DOCUMENT_PATH not in {route.match.path for route in operator.routes}
    assert rest.CORS in edge.typed_per_filter_config
    assert rest.CORS not in operator.typed_per_filter_config


def test_the_document_fits_into_a_direct_response() -> None:
    assert len(rest.DOCUMENT.read_bytes()) <= rest.MAX_DOCUMENT_BYTES


def allowed(configured: list[str], origin: str) -> bool:
    """Whether a page of this origin may call, as Envoy matches the whole of it."""
    found = rest.cors(configured)
    return any(
        origin == each.exact or bool(each.safe_regex.regex and re.fullmatch(each.safe_regex.regex, origin))
        for each in found.allow_origin_string_match
    )


@pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:3000", "https://shop.example"])
def test_a_page_of_a_configured_origin_may_call(origin: str) -> None:
    assert allowed(["http://localhost:*", "https://shop.example"], origin)


@pytest.mark.parametrize(
    "origin", ["https://localhost", "http://localhost.evil.example", "http://localhost:80.evil", "null"]
)
def test_a_page_of_another_origin_may_not(origin: str) -> None:
    assert not allowed(["http://localhost:*", "https://shop.example"], origin)
