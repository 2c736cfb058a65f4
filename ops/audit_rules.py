"""What must be true of orders, money and stock, as pure checks of the services' own records.

Final orders are judged; open ones are listed with their age. `docs/sagas.md` has the invariants in words.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from uuid import UUID

from ops import audit_events, audit_workflows
from ops.audit_records import Findings, Records, Row

PAID = ("CONFIRMED", "SHIPPED", "DELIVERED")
OPEN_PAYMENTS = ("CHARGING", "AUTHORIZING", "AUTHORIZED", "CAPTURING")
SHIPMENTS: Mapping[str, tuple[str, ...]] = {
    "CANCELLED": ("NONE", "CANCELLED", "REFUSED"),
    "SHIPPED": ("IN_TRANSIT", "DELIVERED"),
    "DELIVERED": ("DELIVERED",),
}
"""Where the shipment of an order in this state may stand; in any other it may stand anywhere."""


def audit(records: Records) -> Findings:
    """Everything that is wrong, and everything that is not finished."""
    violations = [
        *_ledger(records),
        *_payments_match_ledger(records),
        *_orders_match(records),
        *_shipments_match(records),
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
    unfinished = [*_open(records), *_open_steps(records), *audit_events.unfinished(records.events), *stuck]
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
        if state in ("DECLINED", "VOIDED", "REFUNDED") and states.get(key) == "AUTHORIZED":
            yield f"payment {key}: {state}, but the ledger has money set aside"
        if state == "AUTHORIZED" and not payment["cancel_requested"] and states.get(key) != "AUTHORIZED":
            yield f"payment {key}: AUTHORIZED, but the ledger has {states.get(key)}"


def _orders_match(records: Records) -> Iterator[str]:
    payments = {payment["order_id"]: payment for payment in records.payments}
    reservations = {reservation["order_id"]: reservation for reservation in records.reservations}
    moved = net(records)
    for order in records.orders:
        order_id, state = order["order_id"], order["state"]
        payment = payments.get(order_id, {}).get("state")
        reservation = reservations.get(order_id, {})
        charged = moved[str(order_id)]
        if state in PAID:
            if payment != "CHARGED" or charged != order["total"]:
                yield f"order {order_id}: {state} for {order['total']}, but charged {charged} ({payment})"
            sold = ("COMMITTED",) if order["step"] == "DONE" else ("COMMITTED", "RESERVED", "PAID")
            if reservation.get("state") not in sold or not _same_lines(order, reservation):
                yield f"order {order_id}: {state}, but its stock is {reservation.get('state')}"
        if state == "CANCELLED":
            if charged != 0 or payment in ("CHARGED", *OPEN_PAYMENTS):
                yield f"order {order_id}: CANCELLED, but charged {charged} ({payment})"
            if reservation.get("state") in ("RESERVED", "COMMITTED", "PAID"):
                yield f"order {order_id}: CANCELLED, but its stock is {reservation['state']}"


def _shipments_match(records: Records) -> Iterator[str]:
    """What is cancelled is not shipped, and what is shipped is with the carrier."""
    shipments = {shipment["order_id"]: shipment["state"] for shipment in records.shipments}
    known = {order["order_id"]: order["state"] for order in records.orders}
    for order_id, state in known.items():
        shipment = shipments.get(order_id, "NONE")
        if shipment not in SHIPMENTS.get(state, (shipment,)):
            yield f"order {order_id}: {state}, but its shipment is {shipment}"
    for order_id, shipment in shipments.items():
        if order_id not in known and shipment not in SHIPMENTS["CANCELLED"]:
            yield f"shipment {order_id}: {shipment}, but belongs to no order"


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
        confirmed, by_event = order["state"] in PAID, order["coordination"] == "CHOREOGRAPHY"
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
        elif state not in PAID and not audit_workflows.is_final(order):
            where = state
        elif state in PAID and stock.get(order_id) != "COMMITTED":
            where = f"{state}, its stock is {stock.get(order_id)}"
        elif state in PAID and not told[order_id, "CONFIRMATION"]:
            where = f"{state}, the customer is not told yet"
        elif not audit_workflows.is_final(order):
            where = f"{state}, not delivered yet"
        if where:
            yield str(order_id), order["age"], where


def _open_steps(records: Records) -> Iterator[tuple[str, float, str]]:
    """Payments whose outcome is unknown, and shipments that have not arrived."""
    for payment in records.payments:
        to_void = payment["state"] == "AUTHORIZED" and payment["cancel_requested"]
        if to_void or payment["state"] in ("CHARGING", "AUTHORIZING", "CAPTURING"):
            yield str(payment["order_id"]), payment["age"], f"payment {payment['state']}"
    for shipment in records.shipments:
        if shipment["state"] in ("BOOKED", "IN_TRANSIT"):
            yield str(shipment["order_id"]), shipment["age"], f"shipment {shipment['state']}"
