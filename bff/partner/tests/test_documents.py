"""Calls of all kinds, made from the documents: every answer is one that they have, and none is a bug."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection, unsupported_method

from bff.partner import documents
from bff.partner.tests.client import HOOK
from bff.partner.tests.shop import ADA, running, stocked, token
from kit.testing import contracts
from kit.testing.backing import in_a_thread

pytestmark = pytest.mark.timeout(600)
EXAMPLES = 25
"""By operation; the same ones each time."""
CHECKS = [*contracts.CHECKS, negative_data_rejection, unsupported_method]
DOCUMENTS: Mapping[str, Any] = {
    path.stem.rpartition("-")[2]: json.loads(path.read_text()) for path in documents.files()
}
v1 = schemathesis.openapi.from_dict(DOCUMENTS["v1"])
v2 = schemathesis.openapi.from_dict(DOCUMENTS["v2"])
ALIKE = contracts.alike(EXAMPLES)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The backend in a thread of its own, at a port, for all the calls of this file."""
    shop = stocked()
    shop.ordered(ADA, {"MUG-BLUE": 1})
    shop.registered(ADA, HOOK["url"], HOOK["event_types"])
    with in_a_thread(running(shop)) as found:
        yield found


def check(case: schemathesis.Case[Any], url: str) -> None:
    headers = {"authorization": f"Bearer {token(ADA)}"}
    case.call_and_validate(base_url=url, headers=headers, checks=CHECKS)


@v1.parametrize()
@ALIKE
def test_every_answer_is_as_the_document_of_v1_says(url: str, case: schemathesis.Case[Any]) -> None:
    check(case, f"{url}/partner/v1")


@v2.parametrize()
@ALIKE
def test_every_answer_is_as_the_document_of_v2_says(url: str, case: schemathesis.Case[Any]) -> None:
    check(case, f"{url}/partner/v2")


def test_the_committed_documents_are_those_that_are_made() -> None:
    assert {path.name: path.read_text() for path in documents.files()} == {
        path.name: text for path, text in documents.files().items()
    }


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_document_is_of_openapi_3_1_and_says_what_a_token_allows(version: str) -> None:
    document = DOCUMENTS[version]
    assert document["openapi"].startswith("3.1.")
    assert document["servers"] == [{"url": f"/partner/{version}"}]
    flow = document["components"]["securitySchemes"]["client"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == documents.TOKEN_PATH


def test_what_is_deprecated_in_v1_is_in_v2() -> None:
    deprecated = {
        path: set(methods)
        for path, methods in DOCUMENTS["v1"]["paths"].items()
        if any(operation.get("deprecated") for operation in methods.values())
    }
    assert set(deprecated) == set(DOCUMENTS["v2"]["paths"])


def test_the_documents_are_served_to_everybody(url: str) -> None:
    import httpx

    for version, document in DOCUMENTS.items():
        answer = httpx.get(f"{url}/partner/{version}/openapi.json")
        assert (answer.status_code, answer.json()) == (200, document)
    assert uuid.UUID(httpx.get(f"{url}/partner/v1/orders").json()["traceId"])
