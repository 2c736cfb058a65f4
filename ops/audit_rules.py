"""What must be true of orders, money and stock, as pure checks of the services' own records.

Final orders are judged; open ones are listed with their age. `docs/sagas.md` has the invariants in words.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ops import audit_events, audit_workflows
from ops.audit_events import Events
from ops.audit_workflows import Workflows

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Records:
    """What was read: rows of each service's tables."""

    orders: Sequence[Row] = ()
    history: Sequence[Row] = ()
    payments: Sequence[Row] = ()
    charges: Sequence[Row] = ()
    entries: Sequence[Row] = ()
    reservations: Sequence[Row] = ()
    stock: Sequence[Row] = ()
    notifications: Sequence[Row] = ()
    events: Events = field(default_factory=Events)
    workflows: Workflows = field(default_factory=Workflows)


@dataclass(frozen=True)
class Findings:
    """Violations in words; what is open as (order id, age in seconds, where it stands), of it `stuck` what
    waits for an operator; how many orders there are in each state, how many events in the topics, how many
    workflows in Temporal. `unseen` says what could not be looked at: then nothing is proven.
    """

    violations: list[str]
    open: list[tuple[str, float, str]]
    counts: dict[str, int] = field(default_factory=dict)
    stuck: list[tuple[str, float, str]] = field(default_factory=list)
    events: int = 0
    workflows: int = 0
    unseen: str = ""


def audit(records: Records) -> Findings:
    """Everything that is wrong, and everything that is not finished."""
    violations = [
        *_ledger(records),
        *_payments_match_ledger(records),
        *_orders_match(records),
        *_strays(records),
        *_stock(records),
        *_histories(records),
        *_notifications(records),
        *audit_events.violations(records.events),
        *audit_workflows.violations(records.orders, records.workflows),
    ]
    counts: dict[str, int] = defaultdict(int)
    for order in records.orders:
        counts[order["state"]] += 1
    stuck = list(audit_events.stuck(records.events))
    unfinished = [*_open(records), *audit_events.unfinished(records.events), *stuck]
    unfinished += audit_workflows.unfinished(records.orders, records.workflows)
    seen, unseen = len(records.workflows.runs), records.workflows.unseen
    return Findings(violations, unfinished, dict(counts), stuck, len(records.events.told), seen, unseen)


def net(records: Records) -> dict[str, int]:
    """The money that moved for each key, in minor units."""
    moved: dict[str, int] = defaultdict(int)
    for entry in records.entries:
        moved[entry["key"]] += entry["amount_minor"] if entry["kind"] == "CHARGE" else -entry["amount_minor"]
    return moved


def _ledger(records: Records) -> Iterator[str]:
    kinds: dict[str, list[str]] = defaultdict(list)
    for entry in records.entries:
        kinds[entry["key"]].append(entry["kind"])
    expected = {"APPROVED": ["CHARGE"], "REFUNDED": ["CHARGE", "REFUND"]}
    moved = net(records)
    for charge in records.charges:
        key, state = charge["key"], charge["state"]
        if sorted(kinds[key]) != expected.get(state, []):
            yield f"ledger: {key} is {state} with the entries {sorted(kinds[key])}"
        if state == "REFUNDED" and moved[key] != 0:
            yield f"ledger: {key} is REFUNDED but {moved[key]} did not come back"


def _payments_match_ledger(records: Records) -> Iterator[str]:
    states = {charge["key"]: charge["state"] for charge in records.charges}
    moved = net(records)
    for payment in records.payments:
        key, state = str(payment["order_id"]), payment["state"]
        if state == "CHARGED" and (states.get(key) != "APPROVED" or moved[key] != payment["amount_minor"]):
            yield f"payment {key}: CHARGED {payment['amount_minor']}, but the ledger moved {moved[key]}"
        if state in ("DECLINED", "VOIDED", "REFUNDED") and moved[key] != 0:
            yield f"payment {key}: {state}, but the ledger moved {moved[key]}"


def _orders_match(records: Records) -> Iterator[str]:
    payments = {payment["order_id"]: payment for payment in records.payments}
    reservations = {reservation["order_id"]: reservation for reservation in records.reservations}
    moved = net(records)
    for order in records.orders:
        order_id = order["order_id"]
        payment = payments.get(order_id, {}).get("state")
        reservation = reservations.get(order_id, {})
        charged = moved[str(order_id)]
        if order["state"] == "CONFIRMED":
            if payment != "CHARGED" or charged != order["total"]:
                yield f"order {order_id}: CONFIRMED for {order['total']}, but charged {charged} ({payment})"
            sold = ("COMMITTED",) if order["step"] == "DONE" else ("COMMITTED", "RESERVED", "PAID")
            if reservation.get("state") not in sold or not _same_lines(order, reservation):
                yield f"order {order_id}: CONFIRMED, but its stock is {reservation.get('state')}"
        if order["state"] == "CANCELLED":
            if charged != 0 or payment in ("CHARGED", "CHARGING"):
                yield f"order {order_id}: CANCELLED, but charged {charged} ({payment})"
            if reservation.get("state") in ("RESERVED", "COMMITTED", "PAID"):
                yield f"order {order_id}: CANCELLED, but its stock is {reservation['state']}"


def _same_lines(order: Row, reservation: Row) -> bool:
    return dict(zip(order["skus"], order["quantities"], strict=True)) == dict(
        zip(reservation["skus"], reservation["quantities"], strict=True)
    )


def _strays(records: Records) -> Iterator[str]:
    """Money or stock that belongs to no order."""
    known: set[UUID] = {order["order_id"] for order in records.orders}
    paid = {str(payment["order_id"]) for payment in records.payments}
    for payment in records.payments:
        if payment["order_id"] not in known:
            yield f"payment {payment['order_id']}: belongs to no order"
    for reservation in records.reservations:
        if reservation["order_id"] not in known and reservation["state"] not in ("NONE", "RELEASED"):
            yield f"reservation {reservation['order_id']}: {reservation['state']}, but belongs to no order"
    for charge in records.charges:
        if charge["key"] not in paid:
            yield f"ledger: {charge['key']} was never asked for by payments"


def _stock(records: Records) -> Iterator[str]:
    held: dict[tuple[str, str], int] = defaultdict(int)
    for reservation in records.reservations:
        for sku, quantity in zip(reservation["skus"], reservation["quantities"], strict=True):
            held[reservation["state"], sku] += quantity
    for stock in records.stock:
        sku, came = stock["sku"], stock["initial"] + stock["restocked"]
        there = stock["on_hand"] + stock["reserved"] + stock["sold"]
        if came != there or stock["on_hand"] < 0:
            yield f"stock {sku}: {came} came in, but {there} are there (on hand {stock['on_hand']})"
        if stock["reserved"] != held["RESERVED", sku]:
            yield f"stock {sku}: {stock['reserved']} reserved, but orders hold {held['RESERVED', sku]}"
        if stock["sold"] != held["COMMITTED", sku]:
            yield f"stock {sku}: {stock['sold']} sold, but orders bought {held['COMMITTED', sku]}"


def _histories(records: Records) -> Iterator[str]:
    versions: dict[UUID, list[Row]] = defaultdict(list)
    for entry in records.history:
        versions[entry["order_id"]].append(entry)
    for order in records.orders:
        entries = sorted(versions[order["order_id"]], key=lambda entry: int(entry["version"]))
        if [entry["version"] for entry in entries] != list(range(1, order["version"] + 1)):
            yield f"order {order['order_id']}: its history has a gap or a repeat"
        elif entries[-1]["state"] != order["state"]:
            yield f"order {order['order_id']}: {order['state']}, but its history ends {entries[-1]['state']}"


def _notifications(records: Records) -> Iterator[str]:
    told = _told(records)
    orders = {order["order_id"]: order for order in records.orders}
    for (order_id, kind), times in told.items():
        order = orders.get(order_id, {"state": "", "coordination": ""})
        confirmed, by_event = order["state"] == "CONFIRMED", order["coordination"] == "CHOREOGRAPHY"
        wanted = int(confirmed if kind == "CONFIRMATION" else by_event)
        if kind == "CONFIRMATION" and by_event and order["state"] == "PENDING":
            continue  # the event that sends it confirms the order as well, and may come here first
        if times != wanted:
            yield f"order {order_id}: {times} messages {kind} for an order that wants {wanted}"
    for order_id, order in orders.items():
        if order["state"] == "CONFIRMED" and order["step"] == "DONE" and not told[order_id, "CONFIRMATION"]:
            yield f"order {order_id}: CONFIRMED, but nobody was told"


def _told(records: Records) -> dict[tuple[UUID, str], int]:
    """How often each order's customer was told each kind of message."""
    told: dict[tuple[UUID, str], int] = defaultdict(int)
    for notification in records.notifications:
        told[notification["order_id"], notification["kind"]] += 1
    return told


def _open(records: Records) -> Iterator[tuple[str, float, str]]:
    told, stock = _told(records), {row["order_id"]: row["state"] for row in records.reservations}
    for order in records.orders:
        order_id, state = order["order_id"], order["state"]
        where = ""
        if order["step"] not in ("DONE", None):
            where = f"{state}, next {order['step']}"
        elif state == "PENDING":
            where = state
        elif state == "CONFIRMED" and stock.get(order_id) != "COMMITTED":
            where = f"{state}, its stock is {stock.get(order_id)}"
        elif state == "CONFIRMED" and not told[order_id, "CONFIRMATION"]:
            where = f"{state}, the customer is not told yet"
        if where:
            yield str(order_id), order["age"], where
    for payment in records.payments:
        if payment["state"] == "CHARGING":
            yield str(payment["order_id"]), payment["age"], "payment CHARGING"
