"""The auditor finds each kind of wrong: every rule is shown a suite that breaks it."""

from copy import deepcopy
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from ops.audit_records import Records
from ops.audit_rules import audit

GOOD, BAD = UUID(int=1), UUID(int=2)


def order(order_id: UUID, state: str, **changes: Any) -> dict[str, Any]:
    known = {
        "order_id": order_id,
        "state": state,
        "total": 500,
        "skus": ["TEA"],
        "quantities": [1],
        "flow": "STANDARD",
    }
    return {**known, "version": 2, "step": "DONE", "age": 3.0, "coordination": "SYNC", **changes}


def history(order_id: UUID, last: str) -> list[dict[str, Any]]:
    return [
        {"order_id": order_id, "version": 1, "state": "PENDING"},
        {"order_id": order_id, "version": 2, "state": last},
    ]


HEALTHY = Records(
    orders=[order(GOOD, "CONFIRMED"), order(BAD, "CANCELLED")],
    history=[*history(GOOD, "CONFIRMED"), *history(BAD, "CANCELLED")],
    payments=[
        {"order_id": GOOD, "state": "CHARGED", "amount_minor": 500, "cancel_requested": False, "age": 3.0},
        {"order_id": BAD, "state": "DECLINED", "amount_minor": 500, "cancel_requested": False, "age": 3.0},
    ],
    charges=[{"key": str(GOOD), "state": "APPROVED"}, {"key": str(BAD), "state": "DECLINED"}],
    entries=[{"key": str(GOOD), "kind": "CHARGE", "amount_minor": 500}],
    reservations=[
        {"order_id": GOOD, "state": "COMMITTED", "skus": ["TEA"], "quantities": [1]},
        {"order_id": BAD, "state": "RELEASED", "skus": ["TEA"], "quantities": [1]},
    ],
    stock=[{"sku": "TEA", "initial": 10, "restocked": 0, "on_hand": 9, "reserved": 0, "sold": 1}],
    notifications=[{"order_id": GOOD, "kind": "CONFIRMATION"}],
    shipments=[{"order_id": GOOD, "state": "DELIVERED", "age": 3.0}],
)


def broken(table: str, index: int, **changes: Any) -> Records:
    rows = deepcopy(list(getattr(HEALTHY, table)))
    rows[index] = {**rows[index], **changes}
    changed: dict[str, Any] = {table: rows}
    return replace(HEALTHY, **changed)


def test_a_healthy_suite_has_no_violation() -> None:
    findings = audit(HEALTHY)
    assert findings.violations == []
    assert findings.open == []
    assert findings.counts == {"CONFIRMED": 1, "CANCELLED": 1}


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (broken("payments", 0, state="VOIDED"), "CONFIRMED for 500"),
        (broken("entries", 0, amount_minor=400), "CHARGED 500, but the ledger moved 400"),
        (replace(HEALTHY, entries=[*HEALTHY.entries, *HEALTHY.entries]), "is APPROVED with the entries"),
        (
            replace(
                HEALTHY, entries=[*HEALTHY.entries, {"key": str(BAD), "kind": "CHARGE", "amount_minor": 500}]
            ),
            "CANCELLED, but charged 500",
        ),
        (broken("payments", 1, state="CHARGING"), "CANCELLED, but charged 0 (CHARGING)"),
        (broken("payments", 1, state="AUTHORIZING"), "CANCELLED, but charged 0 (AUTHORIZING)"),
        (broken("payments", 1, state="AUTHORIZED"), "CANCELLED, but charged 0 (AUTHORIZED)"),
        (broken("payments", 1, state="CAPTURING"), "CANCELLED, but charged 0 (CAPTURING)"),
        (broken("payments", 1, state="AUTHORIZED"), "AUTHORIZED, but the ledger has DECLINED"),
        (broken("charges", 1, state="AUTHORIZED"), "DECLINED, but the ledger has money set aside"),
        (broken("shipments", 0, order_id=BAD, state="BOOKED"), "CANCELLED, but its shipment is BOOKED"),
        (broken("shipments", 0, order_id=BAD, state="IN_TRANSIT"), "its shipment is IN_TRANSIT"),
        (broken("shipments", 0, order_id=BAD), "CANCELLED, but its shipment is DELIVERED"),
        (broken("shipments", 0, order_id=UUID(int=9)), "DELIVERED, but belongs to no order"),
        (replace(broken("orders", 0, state="SHIPPED"), shipments=[]), "SHIPPED, but its shipment is NONE"),
        (
            replace(broken("orders", 0, state="DELIVERED"), payments=HEALTHY.payments[1:]),
            "DELIVERED for 500, but charged 500 (None)",
        ),
        (broken("reservations", 0, state="RESERVED"), "CONFIRMED, but its stock is RESERVED"),
        (broken("reservations", 0, quantities=[2]), "CONFIRMED, but its stock is COMMITTED"),
        (broken("reservations", 1, state="RESERVED"), "CANCELLED, but its stock is RESERVED"),
        (broken("stock", 0, on_hand=8), "10 came in, but 9 are there"),
        (broken("stock", 0, sold=0, on_hand=10), "0 sold, but orders bought 1"),
        (broken("stock", 0, reserved=1, on_hand=8), "1 reserved, but orders hold 0"),
        (broken("charges", 1, key="stray"), "stray was never asked for"),
        (broken("payments", 1, order_id=UUID(int=9)), "belongs to no order"),
        (broken("history", 1, version=3), "gap or a repeat"),
        (broken("history", 1, state="PENDING"), "but its history ends PENDING"),
        (replace(HEALTHY, notifications=[]), "nobody was told"),
        (broken("notifications", 0, order_id=BAD), "1 messages CONFIRMATION for an order that wants 0"),
    ],
)
def test_each_rule_finds_what_breaks_it(records: Records, said: str) -> None:
    assert any(said in violation for violation in audit(records).violations)


def test_an_unfinished_order_is_open_and_not_wrong() -> None:
    pending = order(UUID(int=3), "PENDING", version=1, step="CHARGE")
    first = {"order_id": UUID(int=3), "version": 1, "state": "PENDING"}
    records = replace(HEALTHY, orders=[*HEALTHY.orders, pending], history=[*HEALTHY.history, first])
    findings = audit(records)
    assert findings.violations == []
    assert findings.open == [(str(UUID(int=3)), 3.0, "PENDING, next CHARGE")]


@pytest.mark.parametrize(
    ("state", "cancelled", "is_open"),
    [
        ("CHARGING", False, True),
        ("AUTHORIZING", False, True),
        ("CAPTURING", False, True),
        ("AUTHORIZED", True, True),
        ("AUTHORIZED", False, False),
    ],
)
def test_a_payment_whose_outcome_is_unknown_is_open(state: str, cancelled: bool, is_open: bool) -> None:
    pending = replace(
        broken("orders", 1, state="AWAITING_APPROVAL"),
        payments=[
            HEALTHY.payments[0],
            {**HEALTHY.payments[1], "state": state, "cancel_requested": cancelled},
        ],
    )
    where = [where for _, _, where in audit(pending).open]
    assert where == ["AWAITING_APPROVAL", *([f"payment {state}"] if is_open else [])]


def test_a_shipment_is_open_until_it_has_arrived() -> None:
    on_its_way = replace(broken("shipments", 0, state="IN_TRANSIT"), orders=[order(GOOD, "SHIPPED")])
    assert ("shipment IN_TRANSIT") in [where for _, _, where in audit(on_its_way).open]


def test_a_confirmed_order_may_still_hold_its_stock_until_its_last_step() -> None:
    finishing = broken("orders", 0, step="FINISH")
    records = replace(
        finishing,
        reservations=[{**HEALTHY.reservations[0], "state": "RESERVED"}, HEALTHY.reservations[1]],
        stock=[{"sku": "TEA", "initial": 10, "restocked": 0, "on_hand": 9, "reserved": 1, "sold": 0}],
        notifications=[],
    )
    assert audit(records).violations == []


def test_a_choreographed_order_is_open_until_its_stock_is_sold_and_its_customer_told() -> None:
    by_event = broken("orders", 0, step=None, coordination="CHOREOGRAPHY")
    receipt = {"order_id": GOOD, "kind": "RECEIPT"}
    told = replace(by_event, notifications=[*HEALTHY.notifications, receipt])
    assert audit(told).violations == []
    assert audit(told).open == []
    untold = audit(replace(by_event, notifications=[receipt]))
    assert untold.violations == []
    assert untold.open == [(str(GOOD), 3.0, "CONFIRMED, the customer is not told yet")]
    twice = replace(told, notifications=[*told.notifications, receipt])
    assert "2 messages RECEIPT for an order that wants 1" in audit(twice).violations[0]
