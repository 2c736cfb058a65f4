"""Calls of all kinds, made from the OpenAPI document, against the running suite: it says what is answered."""

import json
from typing import Any

import pytest
import schemathesis

from kit.testing.contracts import CHECKS, alike
from mesh import rest
from ops.suite import Suite
from tests.harness.customer import Customer

pytestmark = [pytest.mark.suite, pytest.mark.timeout(300)]

EXAMPLES = 25
"""By operation; the same ones each time."""
api = schemathesis.openapi.from_dict(json.loads(rest.DOCUMENT.read_text()))


@api.exclude(path_regex=":watch$").parametrize()
@alike(EXAMPLES)
def test_every_answer_is_as_the_document_says(
    suite: Suite, customer: Customer, case: schemathesis.Case[Any]
) -> None:
    token = dict(customer.metadata)
    case.call_and_validate(base_url=suite.urls["edge"], headers=token, checks=CHECKS)
