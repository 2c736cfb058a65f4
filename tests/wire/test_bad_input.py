"""What every method of every service answers to bad input; the methods come from the protos themselves."""

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from ops.client import Metadata, bearer
from ops.suite import Suite
from ordermesh.access.v1 import access_pb2
from ordermesh.inventory.v1 import inventory_pb2, inventory_service_pb2
from ordermesh.orders.v1 import orders_service_pb2
from ordermesh.payments.v1 import payments_service_pb2
from ordermesh.users.v1 import users_service_pb2
from tests.harness.customer import Customer
from tests.harness.examples import EXAMPLES, ID, PRICE, example
from tests.harness.methods import METHODS, PARTS, Method, with_access
from tests.harness.refusals import Refusal, refused
from tests.harness.tokens import expired_token, foreign_token

pytestmark = pytest.mark.suite

LIMIT = 64 * 1024
USER, OPERATOR = access_pb2.ACCESS_USER, access_pb2.ACCESS_OPERATOR
UNKNOWN_FIELD = 1900  # no message has one; a decoder keeps it and goes on
INTERNALS = re.compile(r"Traceback|Error\b|asyncpg|grpc\.|File \"|select |insert ", re.IGNORECASE)

Call = Callable[[Method, bytes | Message], Refusal]


def each(methods: list[Method]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("method", methods, ids=[method.name for method in methods])


def methods_with(field: str) -> list[Method]:
    return [method for method in METHODS if field in method.request.DESCRIPTOR.fields_by_name]


@pytest.fixture(scope="module")
def channels(suite: Suite) -> Iterator[dict[str, grpc.Channel]]:
    """A channel to each service itself, past the edge, as the other services call it."""
    opened = {part: grpc.insecure_channel(suite.address(part)) for part in PARTS}
    yield opened
    for channel in opened.values():
        channel.close()


@pytest.fixture
def refusal(channels: dict[str, grpc.Channel], olga: Metadata) -> Call:
    """Call a method with the operator's token; what it was refused with, which is said properly."""

    def call(method: Method, request: bytes | Message) -> Refusal:
        return refused_properly(channels, method, request, olga)

    return call


def refused_properly(
    channels: dict[str, grpc.Channel], method: Method, request: bytes | Message, caller: Metadata | None
) -> Refusal:
    """The refusal, which has exactly one ErrorInfo in its proper form and gives no internals away."""
    data = request.SerializeToString() if isinstance(request, Message) else request
    said = refused(lambda: method.call(channels[method.part], data, caller))
    assert said.infos == 1, said
    assert re.fullmatch(r"[A-Z][A-Z0-9_]{1,62}", said.reason), said
    assert said.domain == f"{method.part}.ordermesh"
    assert not INTERNALS.search(said.message), said
    return said


def test_there_is_an_example_of_every_request() -> None:
    assert {method.request.DESCRIPTOR.full_name for method in METHODS} == set(EXAMPLES)


def test_every_method_says_who_may_call_it() -> None:
    assert with_access(access_pb2.ACCESS_UNSPECIFIED) == []


def test_every_method_that_changes_something_wants_a_request_id() -> None:
    without = [method for method in METHODS if method.mutates and method not in methods_with("request_id")]
    assert {method.part for method in without} == {"processor"}, "the processor is a foreign API with keys"


@each(methods_with("request_id"))
def test_a_missing_request_id_is_named(refusal: Call, method: Method) -> None:
    said = refusal(method, example(method.request, request_id=None))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "REQUEST_ID_REQUIRED", ("request_id",))


@each(METHODS)
def test_undecodable_bytes_are_a_malformed_message(refusal: Call, method: Method) -> None:
    assert refusal(method, b"\xff\xff\xff\xff").short == ("INVALID_ARGUMENT", "MALFORMED_MESSAGE")


@each(METHODS)
def test_a_message_above_64_kib_is_too_large(refusal: Call, method: Method) -> None:
    said = refusal(method, padded(example(method.request), LIMIT + 1))
    assert said.short == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    assert "QuotaFailure" in said.kinds


@each(methods_with("request_id"))
def test_a_message_of_just_64_kib_is_read(refusal: Call, method: Method) -> None:
    said = refusal(method, padded(example(method.request, request_id=None), LIMIT))
    assert said.reason == "REQUEST_ID_REQUIRED"


def padded(request: Message, size: int) -> bytes:
    """The request with an unknown field, so that it has exactly this size."""
    data = request.SerializeToString()
    head = varint(UNKNOWN_FIELD << 3 | 2)
    padding = size - len(data) - len(head) - 3  # lengths here take three bytes
    return data + head + varint(padding) + b"x" * padding


def varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


@each(with_access(USER, OPERATOR))
def test_a_call_without_a_token_is_unauthenticated(channels: dict[str, grpc.Channel], method: Method) -> None:
    said = refused_properly(channels, method, example(method.request), None)
    assert said.short == ("UNAUTHENTICATED", "TOKEN_MISSING")


@pytest.mark.parametrize(
    "token", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "." * 3000], ids=["x", "a.b.c", "none", "dots"]
)
@each(with_access(USER, OPERATOR))
def test_a_garbage_token_is_invalid(channels: dict[str, grpc.Channel], method: Method, token: str) -> None:
    said = refused_properly(channels, method, example(method.request), bearer(token))
    assert said.short == ("UNAUTHENTICATED", "TOKEN_INVALID")


@each(with_access(USER, OPERATOR))
def test_a_token_of_a_foreign_key_is_invalid(channels: dict[str, grpc.Channel], method: Method) -> None:
    said = refused_properly(channels, method, example(method.request), bearer(foreign_token()))
    assert said.short == ("UNAUTHENTICATED", "TOKEN_INVALID")


@each(with_access(USER, OPERATOR))
def test_an_expired_token_is_said_to_be_expired(
    channels: dict[str, grpc.Channel], suite: Suite, method: Method
) -> None:
    said = refused_properly(channels, method, example(method.request), bearer(expired_token(suite)))
    assert said.short == ("UNAUTHENTICATED", "TOKEN_EXPIRED")


@each(with_access(OPERATOR))
def test_a_customer_is_no_operator(
    channels: dict[str, grpc.Channel], customer: Customer, method: Method
) -> None:
    said = refused_properly(channels, method, example(method.request), customer.metadata)
    assert said.short == ("PERMISSION_DENIED", "OPERATOR_REQUIRED")


@pytest.mark.parametrize("part", PARTS)
def test_an_unknown_method_is_unimplemented(channels: dict[str, grpc.Channel], part: str) -> None:
    known = next(method for method in METHODS if method.part == part)
    unknown = Method(part, f"{known.path}More", known.request, known.access, known.mutates, False)
    assert refused(lambda: unknown.call(channels[part], b"")).code == "UNIMPLEMENTED"


@pytest.mark.parametrize("part", PARTS)
def test_metadata_above_16_kib_is_refused(channels: dict[str, grpc.Channel], part: str) -> None:
    method = next(method for method in METHODS if method.part == part)
    data = example(method.request).SerializeToString()
    said = refused(lambda: method.call(channels[part], data, (("x-note", "a" * 32 * 1024),)))
    assert said.code == "RESOURCE_EXHAUSTED"


def is_uuid(field: Any) -> bool:
    return bool(field.GetOptions().Extensions[validate_pb2.field].string.uuid)


UUIDS = [
    pytest.param(method, field.name, id=f"{method.name}-{field.name}")
    for method in METHODS
    for field in method.fields
    if is_uuid(field)
]
TEXTS = [
    pytest.param(method, field.name, id=f"{method.name}-{field.name}")
    for method in METHODS
    for field in method.fields
    if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated
]
ENUMS = [
    pytest.param(method, field.name, id=f"{method.name}-{field.name}")
    for method in METHODS
    for field in method.fields
    if field.type == FieldDescriptor.TYPE_ENUM
]


@pytest.mark.parametrize("bad", ["x", ID.replace("-", ""), f"{ID} ", "00000000-0000-0000-0000-00000000000g"])
@pytest.mark.parametrize(("method", "field"), UUIDS)
def test_what_is_no_uuid_is_refused_by_field(refusal: Call, method: Method, field: str, bad: str) -> None:
    said = refusal(method, example(method.request, **{field: bad}))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "VALIDATION_FAILED", (field,))


@pytest.mark.parametrize(("method", "field"), TEXTS)
def test_the_character_nul_is_refused_by_field(refusal: Call, method: Method, field: str) -> None:
    said = refusal(method, example(method.request, **{field: "a\0b"}))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "VALIDATION_FAILED", (field,))


@pytest.mark.parametrize(("method", "field"), ENUMS)
def test_an_unknown_enum_number_is_refused_by_field(refusal: Call, method: Method, field: str) -> None:
    said = refusal(method, example(method.request, **{field: 999}))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "FIELD_UNKNOWN_VALUE", (field,))


@each(methods_with("page_token"))
def test_a_broken_page_token_is_refused(refusal: Call, method: Method) -> None:
    said = refusal(method, example(method.request, page_token="broken"))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", ("page_token",))


@each(methods_with("page_size"))
def test_a_negative_page_size_is_refused(refusal: Call, method: Method) -> None:
    said = refusal(method, example(method.request, page_size=-1))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "VALIDATION_FAILED", ("page_size",))


def place_order(*lines: tuple[str, int], **changed: object) -> Message:
    wanted = [orders_service_pb2.PlaceOrderLine(sku=sku, quantity=quantity) for sku, quantity in lines]
    return example(orders_service_pb2.PlaceOrderRequest, lines=wanted, **changed)


def reserve(*lines: tuple[str, int]) -> Message:
    wanted = [inventory_pb2.StockLine(sku=sku, quantity=quantity) for sku, quantity in lines]
    return example(inventory_service_pb2.ReserveStockRequest, lines=wanted)


@pytest.mark.parametrize(
    ("name", "request_", "fields"),
    [
        (
            "orders.PlaceOrder",
            place_order(("mug", 1), ("TEA", 0), ("POT", 1001), request_id="x", payment_token="4111"),
            {"request_id", "lines[0].sku", "lines[1].quantity", "lines[2].quantity", "payment_token"},
        ),
        (
            "users.CreateUser",
            users_service_pb2.CreateUserRequest(username="A", email="x", password="short"),
            {"request_id", "username", "email", "display_name", "password"},
        ),
        (
            "payments.ProcessPayment",
            payments_service_pb2.ProcessPaymentRequest(request_id="x", payment_token="x"),
            {"request_id", "order_id", "customer_id", "amount", "payment_token"},
        ),
        (
            "inventory.ReserveStock",
            inventory_service_pb2.ReserveStockRequest(),
            {"request_id", "order_id", "lines"},
        ),
    ],
    ids=["PlaceOrder", "CreateUser", "ProcessPayment", "ReserveStock"],
)
def test_all_violations_are_named_at_once(
    refusal: Call, name: str, request_: Message, fields: set[str]
) -> None:
    said = refusal(named(name), request_)
    assert (*said.short, set(said.fields)) == ("INVALID_ARGUMENT", "VALIDATION_FAILED", fields)


def named(name: str) -> Method:
    return next(method for method in METHODS if method.name == name)


@pytest.mark.parametrize(
    ("name", "request_", "reason"),
    [
        (
            "orders.PlaceOrder",
            place_order(*((f"SKU-{number}", 1) for number in range(101))),
            "TOO_MANY_LINES",
        ),
        ("orders.PlaceOrder", place_order(("MUG-BLUE", 1), ("MUG-BLUE", 2)), "DUPLICATE_SKU"),
        ("inventory.ReserveStock", reserve(("MUG-BLUE", 1), ("MUG-BLUE", 2)), "DUPLICATE_SKU"),
    ],
)
def test_too_many_lines_and_repeated_ones_are_refused(
    refusal: Call, name: str, request_: Message, reason: str
) -> None:
    said = refusal(named(name), request_)
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", reason, ("lines",))


def test_secrets_are_not_repeated_in_a_refusal(refusal: Call) -> None:
    secret = f"tok {uuid.uuid4()}"
    request = example(payments_service_pb2.ProcessPaymentRequest, payment_token=secret, amount=PRICE)
    assert secret not in refusal(named("payments.ProcessPayment"), request).message
