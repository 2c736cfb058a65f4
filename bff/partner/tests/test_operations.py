"""Who may do what, generated over every operation of the documents: tokens, scopes, and whose a thing is."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bff.partner import documents
from bff.partner.app import VERSIONS
from bff.partner.scopes import SCOPES
from bff.partner.tests.client import ENDS, HOOK, Partner, refused
from bff.partner.tests.shop import ADA, BOB, ISSUER, token

FOREIGN = {"order_id": "an order", "webhook_id": "an endpoint", "delivery_id": "a delivery"}
"""What belongs to somebody, by the name of its id."""
UNIFORM = "no such thing, or it is not yours"


@dataclass(frozen=True)
class Described:
    """An operation as the document of its version has it."""

    version: str
    method: str
    path: str
    scope: str
    name: str
    takes_key: bool

    @property
    def ids(self) -> list[str]:
        """The names of the ids in its path."""
        return re.findall(r"\{(\w+)\}", self.path)

    async def ask(self, partner: Partner, found: dict[str, str], **more: Any) -> httpx.Response:
        """Do it to these things."""
        path = f"/{self.version}{self.path}".format(**{"sku": "MUG-BLUE", **found})
        body = ENDS.get(self.name)
        return await partner.ask(self.method, path, **(more | ({"json": body} if body else {})))


def _described() -> list[Described]:
    return [
        Described(
            version=version,
            method=method.upper(),
            path=path,
            scope=operation["security"][0]["client"][0],
            name=operation["operationId"],
            takes_key=any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ())),
        )
        for version, app in VERSIONS.items()
        for path, methods in documents.document(app())["paths"].items()
        for method, operation in methods.items()
    ]


OPERATIONS = _described()
EVERY = pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: f"{one.version} {one.method} {one.path}")
OWNED = [one for one in OPERATIONS if set(one.ids) & set(FOREIGN)]


def owned_by(partner: Partner, owner: uuid.UUID) -> dict[str, str]:
    """One thing of each kind of this account."""
    endpoint = partner.shop.registered(owner, HOOK["url"], ["order.confirmed"])
    (delivery,) = (id_ for id_, one in partner.shop.deliveries.items() if one.endpoint_id == endpoint)
    order = partner.shop.ordered(owner, {"MUG-BLUE": 1})
    return {"order_id": order, "webhook_id": endpoint, "delivery_id": delivery}


def test_the_documents_have_every_operation() -> None:
    assert len(OPERATIONS) == 17
    assert {one.scope for one in OPERATIONS} == set(SCOPES)
    assert {one.name for one in OPERATIONS} >= set(ENDS)
    assert all(one.takes_key == (one.method == "POST") for one in OPERATIONS)
    assert {id_ for one in OPERATIONS for id_ in one.ids} == {*FOREIGN, "sku"}


@EVERY
async def test_its_own_scope_is_enough_and_all_others_are_not(ada: Partner, one: Described) -> None:
    mine = owned_by(ada, ADA)
    await ada.ask("POST", f"/v1/webhooks/{mine['webhook_id']}/verify")
    others = " ".join(set(SCOPES) - {one.scope})
    answer = await one.ask(ada, mine, who=token(ADA, others))
    assert refused(answer) == (403, "INSUFFICIENT_SCOPE")
    told = f'Bearer error="insufficient_scope", scope="{one.scope}"'
    assert answer.headers["www-authenticate"] == told
    assert (await one.ask(ada, mine, who=token(ADA, one.scope))).status_code < 300


@EVERY
async def test_without_a_good_token_nothing_is_done(ada: Partner, one: Described) -> None:
    mine, before = owned_by(ada, ADA), ada.shop.calls.total()
    for who, code in (
        ("", "TOKEN_MISSING"),
        ("nonsense", "TOKEN_INVALID"),
        (token(ADA, seconds=-60), "TOKEN_EXPIRED"),
        (token(ADA, aud="ordermesh-web"), "TOKEN_INVALID"),
        (token(ADA, aud="ordermesh-api"), "TOKEN_INVALID"),
    ):
        answer = await one.ask(ada, mine, who=who)
        assert refused(answer) == (401, code)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    signed_in = ISSUER.token(ADA, aud="ordermesh-partner")
    assert refused(await one.ask(ada, mine, who=signed_in)) == (403, "INSUFFICIENT_SCOPE")
    assert ada.shop.calls.total() == before


@pytest.mark.parametrize("one", OWNED, ids=lambda one: f"{one.version} {one.method} {one.path}")
async def test_what_is_anothers_and_what_is_not_there_look_the_same(ada: Partner, one: Described) -> None:
    mine, theirs = owned_by(ada, ADA), owned_by(ada, BOB)
    await ada.ask("POST", f"/v1/webhooks/{mine['webhook_id']}/verify")
    kept = [str(each) for each in (ada.shop.orders, ada.shop.endpoints, ada.shop.deliveries)]
    for name in set(one.ids) & set(FOREIGN):
        for other in (theirs[name], str(uuid.uuid4())):
            answer = await one.ask(ada, mine | {name: other})
            assert refused(answer) == (403, "ACCESS_DENIED")
            assert answer.json()["detail"] == UNIFORM
    assert [str(each) for each in (ada.shop.orders, ada.shop.endpoints, ada.shop.deliveries)] == kept


@EVERY
async def test_lists_show_only_ones_own(ada: Partner, one: Described) -> None:
    theirs = owned_by(ada, BOB)
    mine = owned_by(ada, ADA)
    if one.method != "GET":
        return
    text = (await one.ask(ada, mine)).text
    assert not [id_ for id_ in theirs.values() if id_ in text]


@EVERY
async def test_an_id_that_is_none_is_refused_by_its_place(ada: Partner, one: Described) -> None:
    for name in one.ids:
        answer = await one.ask(ada, owned_by(ada, ADA) | {name: "a-b"})
        assert refused(answer) == (422, "VALIDATION_FAILED")
        assert [each["pointer"] for each in answer.json()["errors"]] == [f"/path/{name}"]


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.takes_key], ids=lambda one: one.name)
async def test_without_a_key_nothing_is_changed(ada: Partner, one: Described) -> None:
    mine, before = owned_by(ada, ADA), ada.shop.calls.total()
    for key in ("", '"', '"a b"', 'a"b', '""', "x" * 256):
        assert refused(await one.ask(ada, mine, key=key)) == (400, "IDEMPOTENCY_KEY_REQUIRED"), key
    twice = [("idempotency-key", "a"), ("idempotency-key", "b")]
    path = f"/partner/{one.version}{one.path}".format(**{"sku": "", **mine})
    headers = [("authorization", f"Bearer {token(ADA)}"), *twice]
    answer = await ada.http.request(one.method, path, headers=headers, json=ENDS.get(one.name))
    assert refused(answer) in [(400, "IDEMPOTENCY_KEY_REQUIRED")]
    assert ada.shop.calls.total() == before
