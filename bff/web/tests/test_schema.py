"""The schema: its names are those of the protos; no operation that takes an id opens what is another's."""

from __future__ import annotations

import uuid
from enum import Enum
from typing import Any

import pytest
from graphql import GraphQLField, get_named_type

from bff.web import enums
from bff.web.schema import SCHEMA
from bff.web.tests.client import Web
from bff.web.tests.shop import ADA, BOB
from ordermesh.orders.v1 import orders_pb2
from ordermesh.payments.v1 import payments_pb2
from ordermesh.shipping.v1 import shipping_pb2
from ordermesh.users.v1 import users_pb2

KINDS: list[tuple[type[Enum], Any]] = [
    (enums.Role, users_pb2.Role),
    (enums.OrderState, orders_pb2.OrderState),
    (enums.Coordination, orders_pb2.Coordination),
    (enums.Flow, orders_pb2.Flow),
    (enums.Wait, orders_pb2.Wait),
    (enums.PaymentState, payments_pb2.PaymentState),
    (enums.ShipmentState, shipping_pb2.ShipmentState),
]


@pytest.mark.parametrize(("ours", "protos"), KINDS, ids=[kind.__name__ for kind, _ in KINDS])
def test_every_value_of_the_protos_has_its_name(ours: type[Enum], protos: Any) -> None:
    told = {name for name in protos.keys() if not name.endswith("_UNSPECIFIED")}  # noqa: SIM118
    assert {value.value for value in ours} == told


def test_a_value_that_is_not_known_yet_is_null() -> None:
    assert enums.of_proto(enums.OrderState, orders_pb2.OrderState, 999) is None


def id_arguments(field: GraphQLField) -> dict[str, str]:
    """The arguments of a field that name a thing by its id, by their path in the argument."""
    found = {}
    for name, argument in field.args.items():
        kind = get_named_type(argument.type)
        inner = getattr(kind, "fields", {})
        for path, each in {name: argument.type, **{f"{name}.{n}": f.type for n, f in inner.items()}}.items():
            if get_named_type(each).name == "UUID" and not path.endswith("requestId"):
                found[path] = name
    return found


ROOTS = [SCHEMA._schema.query_type, SCHEMA._schema.mutation_type, SCHEMA._schema.subscription_type]
BY_ID = [
    (root.name.lower(), name, path)
    for root in ROOTS
    if root
    for name, field in root.fields.items()
    for path in id_arguments(field)
]


def document(kind: str, name: str, path: str, value: str) -> str:
    outer, _, inner = path.partition(".")
    request = f'requestId: "{uuid.uuid4()}", '
    argument = f'{outer}: {{{request}{inner}: "{value}"}}' if inner else f'{outer}: "{value}"'
    return f"{kind} {{ {name}({argument}) {{ __typename }} }}"


def test_the_operations_that_take_an_id_are_found() -> None:
    assert {name for _, name, _ in BY_ID} == {"order", "cancelOrder", "orderStatus"}


@pytest.mark.parametrize(("kind", "name", "path"), BY_ID)
async def test_nobody_reads_or_changes_what_is_another_s(ada: Web, kind: str, name: str, path: str) -> None:
    foreign = ada.shop.ordered(BOB, ["MUG-BLUE"], paid=False)
    before = str(ada.shop.orders)
    said = []
    for order_id in (foreign, str(uuid.uuid4())):
        query = document(kind, name, path, order_id)
        if kind == "subscription":
            async with ada.watch("", user=ADA, query=query) as events:
                body = (await anext(events)).data
        else:
            body = (await ada.ask(query)).body
        (error,) = body["errors"]
        assert (body["data"] or {}).get(name) is None
        assert error["extensions"]["code"] == "FORBIDDEN"
        said.append({**error, "extensions": error["extensions"] | {"traceId": ""}})
    assert said[0] == said[1]
    assert str(ada.shop.orders) == before
