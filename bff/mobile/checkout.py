"""Placing an order. A telephone sends the same again whenever it has not heard the answer, so the key of the
request names the order: the same key, the same order, and nothing is charged twice.
"""

from __future__ import annotations

import re
import uuid

from bff.mobile.backends import Backends
from bff.mobile.schemas import Checkout
from kit.call import Caller
from kit.channels import Refused, Unanswered
from kit.errors import Problem, Violation
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2

_NAMES = {"lines": "l", "sku": "k", "quantity": "q", "payment_token": "pay", "request_id": "key"}


async def place(asked: Checkout, key: str, caller: Caller, backends: Backends) -> orders_pb2.Order:
    """Place an order, or answer as the first request with this key was answered. Who carries it through is
    the server's rule.
    """
    request = orders_service_pb2.PlaceOrderRequest(
        request_id=str(request_id(caller, key)),
        lines=[
            orders_service_pb2.PlaceOrderLine(sku=line.sku, quantity=line.quantity) for line in asked.lines
        ],
        payment_token=asked.payment,
    )
    try:
        return await backends.place_order(request)
    except (Refused, Unanswered) as problem:
        raise told(problem) from problem


def request_id(caller: Caller, key: str) -> uuid.UUID:
    """What the services know the request by: made of caller, operation and key, never random."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"ordermesh:mobile:checkout:{caller.user_id}:{key}")


def told(problem: Refused | Unanswered) -> Problem:
    """What a client is told of it: a key by its own name, fields by theirs, the service's reason as it is."""
    if problem.reason == "REQUEST_ID_MISMATCH":
        said = "this Idempotency-Key was used for another checkout; use a new one"
        return Problem("invalid", "IDEMPOTENCY_KEY_REUSED", said)
    if problem.details.get("cause") == "REQUEST_IN_PROGRESS":
        said = "the checkout with this Idempotency-Key is under way; send the same again"
        return Problem("conflict", "IDEMPOTENCY_KEY_IN_FLIGHT", said)
    if problem.kind == "missing":
        # a product, and not what was asked for: 404 would say that there is no checkout
        return Problem("refused", problem.reason, str(problem), problem.details)
    if problem.violations:
        named = [Violation(_ours(one.field), one.description) for one in problem.violations]
        return Problem(problem.kind, problem.reason, str(problem), problem.details, named)
    return problem


def _ours(field: str) -> str:
    return re.sub(r"[a-z_]+", lambda found: _NAMES.get(found[0], found[0]), field)
