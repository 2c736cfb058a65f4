"""The states and choices of the graph, named as in the protos without their prefix.

A value that a newer service tells and this schema does not know yet is null.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, TypeVar

import strawberry

E = TypeVar("E", bound=Enum)


@strawberry.enum(description="What an account may do.")
class Role(Enum):
    """As `ordermesh.users.v1.Role`."""

    CUSTOMER = "ROLE_CUSTOMER"
    OPERATOR = "ROLE_OPERATOR"


@strawberry.enum(
    description="Where an order stands. CANCELLED and DELIVERED are final, CONFIRMED is in the flow STANDARD."
)
class OrderState(Enum):
    """As `ordermesh.orders.v1.OrderState`."""

    PENDING = "ORDER_STATE_PENDING"
    CONFIRMED = "ORDER_STATE_CONFIRMED"
    CANCELLED = "ORDER_STATE_CANCELLED"
    AWAITING_APPROVAL = "ORDER_STATE_AWAITING_APPROVAL"
    SHIPPED = "ORDER_STATE_SHIPPED"
    DELIVERED = "ORDER_STATE_DELIVERED"


@strawberry.enum(description="Who carries an order through its steps.")
class Coordination(Enum):
    """As `ordermesh.orders.v1.Coordination`."""

    SYNC = "COORDINATION_SYNC"
    CHOREOGRAPHY = "COORDINATION_CHOREOGRAPHY"
    ORCHESTRATION = "COORDINATION_ORCHESTRATION"


@strawberry.enum(
    description="Which steps an order has. FULFIL: approval and shipment too, with ORCHESTRATION only."
)
class Flow(Enum):
    """As `ordermesh.orders.v1.Flow`."""

    STANDARD = "FLOW_STANDARD"
    FULFIL = "FLOW_FULFIL"


@strawberry.enum(description="What placing an order waits for. SYNC waits for the outcome always.")
class Wait(Enum):
    """As `ordermesh.orders.v1.Wait`."""

    ACCEPTED = "WAIT_ACCEPTED"
    STOCK_RESERVED = "WAIT_STOCK_RESERVED"
    FINAL = "WAIT_FINAL"


@strawberry.enum(description="Where a payment stands.")
class PaymentState(Enum):
    """As `ordermesh.payments.v1.PaymentState`."""

    CHARGING = "PAYMENT_STATE_CHARGING"
    CHARGED = "PAYMENT_STATE_CHARGED"
    DECLINED = "PAYMENT_STATE_DECLINED"
    VOIDED = "PAYMENT_STATE_VOIDED"
    REFUNDED = "PAYMENT_STATE_REFUNDED"
    AUTHORIZING = "PAYMENT_STATE_AUTHORIZING"
    AUTHORIZED = "PAYMENT_STATE_AUTHORIZED"
    CAPTURING = "PAYMENT_STATE_CAPTURING"


@strawberry.enum(description="Where a shipment stands.")
class ShipmentState(Enum):
    """As `ordermesh.shipping.v1.ShipmentState`."""

    BOOKED = "SHIPMENT_STATE_BOOKED"
    IN_TRANSIT = "SHIPMENT_STATE_IN_TRANSIT"
    DELIVERED = "SHIPMENT_STATE_DELIVERED"
    CANCELLED = "SHIPMENT_STATE_CANCELLED"
    REFUSED = "SHIPMENT_STATE_REFUSED"


def of_proto(kind: type[E], names: Any, number: int) -> E | None:
    """The value that a service has told; None for one that this schema does not know."""
    told = names.Name(number) if number in names.values() else ""
    return next((value for value in kind if value.value == told), None)
