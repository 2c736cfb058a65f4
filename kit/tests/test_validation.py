"""What a caller is told about fields that break rules."""

import protovalidate
from google.protobuf import struct_pb2

from kit.errors import to_status
from kit.validation import MAX_FIELDS, nul_problem, problem_of
from ordermesh.products.v1 import products_service_pb2 as products
from ordermesh.users.v1 import users_service_pb2 as users

TRAILERS = 8 * 1024


def test_every_field_with_a_nul_is_named() -> None:
    problem = nul_problem(users.CreateUserRequest(username="a\0", email="fine", display_name="\0"))
    assert problem is not None
    assert problem.reason == "VALIDATION_FAILED"
    assert [violation.field for violation in problem.violations] == ["username", "display_name"]


def test_a_nul_is_found_in_lists_maps_and_messages_within() -> None:
    assert fields_with_nul(products.BatchGetProductsRequest(skus=["A", "B\0"])) == ["skus[1]"]
    nested = struct_pb2.Struct()
    nested.update({"a": "x\0", "b": ["y", "z\0"], "c": 0})
    assert sorted(fields_with_nul(nested)) == [
        "fields['a'].string_value",
        "fields['b'].list_value.values[1].string_value",
    ]


def test_text_without_nul_is_fine() -> None:
    assert nul_problem(users.CreateUserRequest(display_name="Ada\tLovelace", username="0")) is None


def test_many_violations_still_fit_into_the_trailers() -> None:
    request = products.BatchGetProductsRequest(skus=[f"bad sku {number}" for number in range(100)])
    problem = problem_of(protovalidate.collect_violations(request))
    status = to_status(problem, "products", "0" * 32)
    assert len(problem.violations) == MAX_FIELDS
    assert str(problem).endswith("and 95 more")
    assert len(status.message) + len(status.SerializeToString()) * 4 // 3 < TRAILERS


def fields_with_nul(message: products.BatchGetProductsRequest | struct_pb2.Struct) -> list[str]:
    problem = nul_problem(message)
    return [] if problem is None else [violation.field for violation in problem.violations]
