"""The OpenAPI document that is generated from the protos: sound by itself, and true to what the edge says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.json_format import MessageToDict

from mesh import rest
from mesh.methods import METHODS, Access
from ordermesh.orders.v1 import orders_pb2
from protos.openapi import Unknown, document

DOCUMENT: Any = json.loads(rest.DOCUMENT.read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {item["operationId"]: (path, verb, item) for path, paths in DOCUMENT["paths"].items()
              for verb, item in paths.items()}  # fmt: skip
BY_NAME = {method.name: method for method in METHODS if method.path in {way.rpc for way in rest.ways()}}


def references(part: Any) -> Iterator[str]:
    """Every `$ref` in a part of the document."""
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key == "$ref")
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from references(each)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    used = set(references(DOCUMENT))
    for reference in used:
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    assert {f"#/components/schemas/{name}" for name in SCHEMAS} <= used


def test_there_is_an_operation_for_each_way_in() -> None:
    assert {(path, verb.upper(), name) for name, (path, verb, _) in OPERATIONS.items()} == {
        (way.template, way.verb, way.rpc.rsplit("/", 1)[-1]) for way in rest.ways()
    }


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_says_what_it_takes_answers_and_wants(name: str) -> None:
    path, verb, operation = OPERATIONS[name]
    in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
    assert in_path == set(re.findall(r"\{([a-z_]+)\}", path))
    assert all(each["required"] for each in operation["parameters"] if each["in"] == "path")
    assert ("requestBody" in operation) is (verb == "post")
    assert set(operation["responses"]) == {"200", "default"}
    assert bool(operation["security"]) is (BY_NAME[name].access is Access.USER)
    told = [operation["description"], *(each["description"] for each in operation["parameters"])]
    assert all(told)


def test_every_part_of_a_schema_is_described() -> None:
    for name, schema in SCHEMAS.items():
        assert schema["description"], name
        if name not in ("Money", "Status"):  # these are Google's
            assert all(field.get("description") for field in schema.get("properties", {}).values()), name


def test_rules_of_fields_are_said() -> None:
    placed = SCHEMAS["PlaceOrderRequest"]
    assert placed["required"] == ["request_id", "lines", "payment_token"]
    assert placed["properties"]["request_id"]["format"] == "uuid"
    assert placed["properties"]["lines"]["minItems"] == 1
    quantity = SCHEMAS["PlaceOrderLine"]["properties"]["quantity"]
    assert (quantity["minimum"], quantity["maximum"]) == (1, 1000)
    assert "order_id" not in SCHEMAS["CancelOrderRequest"]["properties"]  # it stands in the path


def broken(value: Any, schema: Any) -> Iterator[str]:
    """What in a JSON value is not as its schema says."""
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rsplit("/", 1)[-1]]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    if not isinstance(value, kinds[schema["type"]]):
        yield f"{value!r} is no {schema['type']}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{value} is not in {schema['enum']}"
    elif isinstance(value, dict):
        yield from (f"{key} lacks" for key in schema.get("required", ()) if key not in value)
        for key, each in value.items():
            yield from broken(each, schema["properties"][key])
    elif isinstance(value, list):
        for each in value:
            yield from broken(each, schema["items"])


def fill(message: Any) -> None:
    """Give every message field a value, one of each repeated, so that all of them are said."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None:
            continue
        inner = getattr(message, field.name)
        inner = inner.add() if field.is_repeated else inner
        inner.SetInParent()
        if field.message_type.full_name == "google.protobuf.Timestamp":
            inner.FromDatetime(datetime(2026, 1, 2, tzinfo=UTC))
        else:
            fill(inner)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_answer_is_as_its_schema_says(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    method = descriptor_pool.Default().FindMethodByName(BY_NAME[name].path[1:].replace("/", "."))
    content = operation["responses"]["200"]["content"]
    found = next(iter(content.values()))
    schema = found.get("x-event-data", found["schema"])
    for filled in (True, False):
        message = message_factory.GetMessageClass(method.output_type)()
        if filled:
            fill(message)
        said = MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        assert list(broken(said, schema)) == []


def test_what_the_generator_does_not_know_is_refused() -> None:
    """A kind of field that it would describe wrongly stops it."""
    files = FileDescriptorSet.FromString((rest.DOCUMENT.parent / "edge.binpb").read_bytes())
    assert set(document(files)["paths"]) == set(DOCUMENT["paths"])
    for file in files.file:
        if file.name == orders_pb2.DESCRIPTOR.name:
            (order,) = (message for message in file.message_type if message.name == "Order")
            order.field.add(name="weight", number=99, type=1, label=1)  # a double
    with pytest.raises(Unknown, match="weight"):
        document(files)
