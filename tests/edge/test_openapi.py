"""Calls of all kinds, made from the OpenAPI document, against the running suite: it says what is answered."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mesh import rest
from ops.suite import Suite
from tests.harness.customer import Customer

pytestmark = [pytest.mark.suite, pytest.mark.timeout(300)]

EXAMPLES = 25
"""By operation; the same ones each time."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
api = schemathesis.openapi.from_dict(json.loads(rest.DOCUMENT.read_text()))


@api.exclude(path_regex=":watch$").parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_the_document_says(
    suite: Suite, customer: Customer, case: schemathesis.Case[Any]
) -> None:
    token = dict(customer.metadata)
    case.call_and_validate(base_url=suite.urls["edge"], headers=token, checks=CHECKS)
