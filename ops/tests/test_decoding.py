"""Records in a person's words, and what is never shown."""

from __future__ import annotations

import json
import re

import pytest
from google.protobuf.message import Message

from kit.events import Record
from ops import decoding
from ops.tests.examples import ORDER, PLACED, SECRET_BYTES, TIME, record
from ordermesh.events.v1.events_pb2 import DeadLetter
from ordermesh.inventory.v1.inventory_events_pb2 import ShortStock, StockReservationFailed
from ordermesh.orders.v1.orders_events_pb2 import OrderConfirmed
from ordermesh.orders.v1.orders_pb2 import COORDINATION_SYNC, Order
from ordermesh.orders.v1.orders_service_pb2 import PlaceOrderRequest

NEWER = bytes([Order.COORDINATION_FIELD_NUMBER << 3, 99])


def test_an_event_is_one_line_with_its_fields_in_short() -> None:
    assert re.split(" {2,}", decoding.line(decoding.see(record(PLACED)))) == [
        "2026-11-24T09:30:00.123Z",
        str(ORDER),
        "orders",
        "OrderPlaced",
        "v1",
        "CHOREOGRAPHY",
        "customer_id=b5f6a0b2-3f57-4d1c-8a4e-7a4f2f9d6c22"
        ' lines=[{sku=MUG-BLUE title="Harbour Mug" quantity=2 unit_price="12.50 EUR"}]'
        ' total="12.50 EUR" payment_token=***',
    ]


def test_json_has_every_field_on_one_line() -> None:
    text = decoding.as_json(decoding.see(record(PLACED)))
    assert "\n" not in text
    found = json.loads(text)
    assert (found["type"], found["version"], found["offset"]) == ("OrderPlaced", 1, 17)
    assert found["fields"]["lines"][0]["unit_price"] == "12.50 EUR"
    assert found["fields"]["payment_token"] == "***"
    assert found["problem"] is None


@pytest.mark.parametrize(
    "message",
    [PLACED, PlaceOrderRequest(payment_token="tok_secret"), DeadLetter(value=b"tok_secret")],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_what_is_marked_is_never_shown(message: Message) -> None:
    assert "***" in str(decoding.tree(message))
    assert "tok_secret" not in str(decoding.tree(message))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (record(PLACED, SECRET_BYTES), "UNDECODABLE"),
        (record(PLACED, b""), "MALFORMED"),
        (record(PLACED, SECRET_BYTES, ce_type=None), "ENVELOPE_INVALID"),
        (record(PLACED, SECRET_BYTES, ce_subject=b"tok_secret"), "ENVELOPE_INVALID"),
        (record(PLACED, ce_type=b"ordermesh.orders.v1.OrderEaten"), "WRONG_TYPE"),
        (record(PLACED, ce_type=b"ordermesh.orders.v2.OrderPlaced"), "VERSION_TOO_NEW"),
        (record(PLACED, ce_type=b"\xff\x1b[2J"), "WRONG_TYPE"),
        (record(PLACED, ce_time=b"yesterday"), "ENVELOPE_INVALID"),
        (Record("ordermesh.orders.v1", 0, 0, None, None, ()), "MALFORMED"),
        (Record("other", 0, 0, b"\x1b[2Jkey\xff", b"tok_secret", (("ce_type", b""),)), "ENVELOPE_INVALID"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_shown_as_such_without_its_bytes(broken: Record, reason: str) -> None:
    seen = decoding.see(broken, TIME)
    line = decoding.line(seen)
    assert f"cannot be read ({reason}: " in line
    assert f"{broken.topic}[{broken.partition}]@{broken.offset}" in line
    assert line.isprintable()
    assert json.loads(decoding.as_json(seen))["problem"].startswith(reason)
    assert "tok_secret" not in line + decoding.as_json(seen)


def test_the_fields_of_an_event_without_any_but_its_order_are_nothing() -> None:
    line = decoding.line(decoding.see(record(OrderConfirmed(order_id=str(ORDER)))))
    assert line.endswith("v1    CHOREOGRAPHY")


def test_a_long_list_is_cut_and_what_would_steer_a_terminal_is_spelt_out() -> None:
    short = [ShortStock(sku=f"SKU-{number}", wanted=number) for number in range(1, 9)]
    failed = StockReservationFailed(order_id=str(ORDER), reason="OUT\x1b[31m", short=short)
    line = decoding.line(decoding.see(record(failed)))
    assert "{sku=SKU-3 wanted=3}, … 5 more]" in line
    assert r"reason=OUT\x1b[31m" in line
    assert line.isprintable()


def test_enumerations_are_named_also_those_nobody_knows() -> None:
    assert decoding.tree(Order(coordination=COORDINATION_SYNC)) == {"coordination": "COORDINATION_SYNC"}
    unknown = Order()
    unknown.MergeFromString(NEWER)
    assert decoding.tree(unknown) == {"coordination": 99}


def test_every_event_of_the_protos_is_known_and_parts_of_events_are_none() -> None:
    names = {name.removeprefix("ordermesh.") for name in decoding.event_types()}
    assert {"orders.v1.OrderPlaced", "payments.v1.PaymentProcessed"} <= names
    assert "inventory.v1.ShortStock" not in names
