"""What a payment is, what can be true of it, and what an asker may be refused: the words of the rules.

The rules themselves are in `domain.py`, which is where everybody imports these words from.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class State(StrEnum):
    """Where a payment stands."""

    NONE = "NONE"
    CHARGING = "CHARGING"
    AUTHORIZING = "AUTHORIZING"
    AUTHORIZED = "AUTHORIZED"
    CAPTURING = "CAPTURING"
    CHARGED = "CHARGED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


class Outcome(StrEnum):
    """What the card processor has decided."""

    AUTHORIZED = "AUTHORIZED"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True)
class Answer:
    """The card processor's answer, and why if it declined."""

    outcome: Outcome
    decline_code: str = ""


@dataclass(frozen=True)
class Terms:
    """Who pays how much with what. The token is useless elsewhere, and shown nowhere."""

    customer_id: UUID
    amount_minor: int
    currency_code: str
    payment_token: str = field(repr=False)


@dataclass(frozen=True)
class Payment:
    """The one payment of one order; without terms it is a tombstone, or its order is not heard of yet.

    `authorize_first`: it is authorised and captured later, instead of charged at once. `stock_reserved` and
    the terms of a payment that is NONE are what a choreographed saga has told so far.
    """

    order_id: UUID
    state: State = State.NONE
    terms: Terms | None = None
    reason: str = ""
    decline_code: str = ""
    cancel_requested: bool = False
    cancel_reason: str = ""
    stock_reserved: bool = False
    authorize_first: bool = False
    create_time: datetime | None = None
    update_time: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the card processor is to be asked for something, and its answer to be written down."""
        to_void = self.state is State.AUTHORIZED and self.cancel_requested
        return to_void or self.state in (State.CHARGING, State.AUTHORIZING, State.CAPTURING)


@dataclass(frozen=True)
class PaymentAuthorized:
    """The customer's money is set aside for the order; none has moved."""

    order_id: UUID


@dataclass(frozen=True)
class PaymentCaptured:
    """The money that was set aside has moved."""

    order_id: UUID


@dataclass(frozen=True)
class PaymentVoided:
    """The money that was set aside is free again; none has moved."""

    order_id: UUID


@dataclass(frozen=True)
class PaymentProcessed:
    """The customer has paid."""

    order_id: UUID


@dataclass(frozen=True)
class PaymentFailed:
    """No money has moved, or none stays moved, and none will."""

    order_id: UUID
    reason: str


@dataclass(frozen=True)
class PaymentRefunded:
    """The money was moved and moved back."""

    order_id: UUID


Fact = (
    PaymentAuthorized | PaymentCaptured | PaymentVoided | PaymentProcessed | PaymentFailed | PaymentRefunded
)


class PaymentDeclined(Exception):
    """The card processor refused to charge."""

    kind, reason = "refused", "PAYMENT_DECLINED"

    def __init__(self, payment: Payment) -> None:
        super().__init__("the card was declined; place a new order with another means of payment")
        self.details = {"decline_code": payment.decline_code, "reason": payment.reason}


class PaymentCancelled(Exception):
    """The cancel came first: this order is never charged."""

    kind, reason = "refused", "PAYMENT_CANCELLED"

    def __init__(self, payment: Payment) -> None:
        super().__init__("the order was cancelled before it was paid")
        self.details = {"cancel_reason": payment.reason or payment.cancel_reason}


class PaymentNotAuthorized(Exception):
    """There is nothing to capture."""

    kind, reason = "refused", "PAYMENT_NOT_AUTHORIZED"

    def __init__(self, payment: Payment) -> None:
        super().__init__("the payment is not authorised; authorise it first, then capture it")
        self.details = {"state": str(payment.state)}


class PaymentKindMismatch(Exception):
    """The order is paid the other way: charged at once, or authorised first and captured later."""

    kind, reason = "refused", "PAYMENT_KIND_MISMATCH"

    def __init__(self, payment: Payment) -> None:
        way = "authorised first and captured later" if payment.authorize_first else "charged at once"
        super().__init__(f"this order's payment is {way}; it cannot be paid the other way as well")
        self.details = {"state": str(payment.state)}


class OrderNotCancellable(Exception):
    """The charge came first: the customer has paid."""

    kind, reason = "refused", "ORDER_NOT_CANCELLABLE"

    def __init__(self, payment: Payment) -> None:
        super().__init__("the order is paid and cannot be cancelled any more")
        self.details = {"state": str(payment.state)}


class TermsDiffer(Exception):
    """The order was to be charged on other terms."""

    kind, reason = "invalid", "REQUEST_ID_MISMATCH"


class ProcessorContradicts(Exception):
    """The card processor says what cannot follow from what it said before."""

    kind, reason = "internal", "PROCESSOR_CONTRADICTS"


class PaymentUnknown(Exception):
    """The card processor has not answered yet: it is open whether money has moved."""

    kind, reason = "unavailable", "PAYMENT_UNKNOWN"
