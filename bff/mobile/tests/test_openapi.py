"""The contract: committed as it is served; no operation that takes an id opens what is another's; calls of
all kinds, made from it, are answered as it says.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis

from bff.mobile import openapi
from bff.mobile.tests.client import Mobile, as_user
from bff.mobile.tests.shop import ADA, BOB, running, stocked
from kit.testing.backing import in_a_thread
from kit.testing.contracts import CHECKS, alike

EXAMPLES = 40
"""By operation; the same ones each time."""
DOCUMENT = json.loads(openapi.FILE.read_text())
OPERATIONS = [(path, verb) for path, verbs in DOCUMENT["paths"].items() for verb in verbs]
BY_ID = [(path, verb) for path, verb in OPERATIONS if "{" in path]


async def test_the_committed_contract_is_the_one_that_is_served(ada: Mobile) -> None:
    served = await ada.get("/openapi.json", user=None)
    assert served.json() == DOCUMENT == openapi.document()
    assert DOCUMENT["openapi"].startswith("3.1")


def test_every_field_and_parameter_is_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    fields = {
        (name, field): about.get("description")
        for name, schema in schemas.items()
        if not name.startswith("Problem")
        for field, about in schema["properties"].items()
    }
    assert not [where for where, said in fields.items() if not said]
    assert max(len(field) for _, field in fields) <= 3
    told = [
        about for path, verb in OPERATIONS for about in DOCUMENT["paths"][path][verb].get("parameters", [])
    ]
    assert not [about["name"] for about in told if about["in"] != "path" and not about.get("description")]


def test_the_operations_that_take_an_id_are_found() -> None:
    assert {DOCUMENT["paths"][path][verb]["operationId"] for path, verb in BY_ID} == {"order", "events"}
    bodies = {
        field
        for schema in ("Checkout", "CheckoutLine")
        for field in DOCUMENT["components"]["schemas"][schema]["properties"]
    }
    assert bodies == {"l", "pay", "k", "q"}, "an id in a body is another operation that takes one"


@pytest.mark.parametrize(("path", "verb"), BY_ID)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_nobody_reads_or_changes_what_is_another_s(
    ada: Mobile, path: str, verb: str, accept: str
) -> None:
    if accept not in DOCUMENT["paths"][path][verb]["responses"]["200"]["content"]:
        accept = "application/json"
    foreign = ada.shop.ordered(BOB, ["MUG-BLUE"], paid=False)
    before = str(ada.shop.orders)
    said = []
    for order_id in (foreign, str(uuid.uuid4())):
        there = path.replace("{order_id}", order_id)
        answer = await ada.http.request(verb, there, headers=as_user(ADA) | {"accept": accept})
        assert answer.status_code == 403
        said.append(answer.json() | {"traceId": ""})
    assert said[0] == said[1]
    assert said[0]["code"] == "ACCESS_DENIED"
    assert str(ada.shop.orders) == before


@pytest.mark.parametrize(("path", "verb"), OPERATIONS)
def test_every_operation_but_sign_in_wants_a_token(path: str, verb: str) -> None:
    wanted: list[Any] = [] if path.endswith("/sign-in") else [{"HTTPBearer": []}]
    assert DOCUMENT["paths"][path][verb].get("security", []) == wanted
    assert "401" in DOCUMENT["paths"][path][verb]["responses"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The BFF and its services in a thread of their own, on a port, for calls by a client that blocks."""
    shop = stocked()
    OWN.append(shop.ordered(ADA, ["MUG-BLUE"]))
    with in_a_thread(running(shop)) as found:
        yield found


OWN: list[str] = []
api = schemathesis.openapi.from_dict(DOCUMENT)
generated = alike(EXAMPLES)


@api.parametrize()
@generated
@pytest.mark.parametrize("signed_in", [True, False])
def test_whatever_is_sent_is_answered_as_the_contract_says(case: Any, address: str, signed_in: bool) -> None:
    headers = as_user(ADA if signed_in else None)
    case.call_and_validate(base_url=address, headers=headers, checks=CHECKS)


@api.include(path_regex="order_id").parametrize()
@generated
def test_whatever_is_asked_of_ones_own_order_is_answered_as_the_contract_says(
    case: Any, address: str
) -> None:
    case.path_parameters = {"order_id": OWN[-1]}
    case.call_and_validate(base_url=address, headers=as_user(ADA), checks=CHECKS)
