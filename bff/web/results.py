"""What a change answers: what was asked for, or the refusal, which is an answer too and no error.

Not every failure is one: who is not signed in, or asks for what is not theirs, gets an error, and so does who
may try the same again.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

import strawberry

from bff.web.connected import Order
from bff.web.enums import Coordination, Flow, OrderState, Wait
from bff.web.scalars import PaymentToken, Quantity, Sku
from bff.web.types import User
from kit.channels import Refused
from kit.errors import Violation


@strawberry.interface(description="A change that was refused. The same request is refused again.")
class Refusal:
    """Every refusal says why."""

    reason: str = strawberry.field(description="Stable, in UPPER_SNAKE.")
    message: str = strawberry.field(description="For developers.")


@strawberry.type(description="A value that cannot be taken.")
class InvalidField:
    """One field of the input."""

    field: str = strawberry.field(description="Its path as the services name it, such as `lines[0].sku`.")
    message: str

    @classmethod
    def of(cls, violation: Violation) -> InvalidField:
        """As the service has found it."""
        return cls(field=violation.field, message=violation.description)


@strawberry.type(
    description="Something of the input cannot be taken; or the requestId was used for another input."
)
class InvalidInput(Refusal):
    """What to change."""

    fields: list[InvalidField]


@strawberry.type(description="There is not enough of these.")
class OutOfStock(Refusal):
    """The order exists, cancelled."""

    order_id: uuid.UUID | None
    skus: list[Sku]


@strawberry.type(description="The card was declined.")
class PaymentDeclined(Refusal):
    """The order exists, cancelled."""

    order_id: uuid.UUID | None
    decline_code: str | None


@strawberry.type(description="The catalogue has no such products.")
class ProductsUnknown(Refusal):
    """Nothing was placed."""

    skus: list[Sku]


@strawberry.type(description="The order was refused for another reason, or cancelled meanwhile.")
class OrderRefused(Refusal):
    """What the other refusals do not name."""

    order_id: uuid.UUID | None


@strawberry.type(description="The order is paid, or further on: it cannot be cancelled.")
class OrderNotCancellable(Refusal):
    """It stays as it is."""

    state: OrderState | None


@strawberry.type(description="Somebody has this name already.")
class UsernameTaken(Refusal):
    """No account was opened."""

    username: str


@strawberry.type(description="The name or the password is wrong.")
class CredentialsInvalid(Refusal):
    """Which of them is not said."""


@strawberry.type(description="The order is accepted; with SYNC it is confirmed.")
class OrderPlaced:
    """The order as it is now."""

    order: Order


@strawberry.type(description="CANCELLED, or still PENDING with cancelRequested while the outcome is open.")
class CancelAccepted:
    """The order as it is now."""

    order: Order


@strawberry.type(description="The account is open; sign in next.")
class SignedUp:
    """The new account."""

    user: User


@strawberry.type(description="Send it as the header `authorization: Bearer <token>`.")
class SignedIn:
    """The token."""

    token: str
    expire_time: datetime


@strawberry.input(description="One product to order.")
class OrderLineInput:
    """Each sku once."""

    sku: Sku
    quantity: Quantity


@strawberry.input(description="An order to place.")
class PlaceOrderInput:
    """The same requestId gets the same order."""

    request_id: uuid.UUID = strawberry.field(description="Names this request: a repeat gets the same answer.")
    lines: list[OrderLineInput]
    payment_token: PaymentToken
    coordination: Coordination | None = strawberry.field(
        default=None, description="Left open, the server's rule decides."
    )
    flow: Flow = Flow.STANDARD
    wait: Wait | None = None


@strawberry.input(description="A request to cancel.")
class CancelOrderInput:
    """The same requestId gets the same answer."""

    request_id: uuid.UUID
    order_id: uuid.UUID


@strawberry.input(description="A new account.")
class SignUpInput:
    """The same requestId opens one account."""

    request_id: uuid.UUID
    username: str
    email: str
    display_name: str
    password: str


@strawberry.input(description="Who signs in.")
class SignInInput:
    """A name and its password."""

    username: str
    password: str


PlaceOrderResult = Annotated[
    OrderPlaced | OutOfStock | PaymentDeclined | ProductsUnknown | OrderRefused | InvalidInput,
    strawberry.union("PlaceOrderResult"),
]
CancelOrderResult = Annotated[
    CancelAccepted | OrderNotCancellable | InvalidInput, strawberry.union("CancelOrderResult")
]
SignUpResult = Annotated[SignedUp | UsernameTaken | InvalidInput, strawberry.union("SignUpResult")]
SignInResult = Annotated[SignedIn | CredentialsInvalid | InvalidInput, strawberry.union("SignInResult")]


def invalid_input(refusal: Refused) -> InvalidInput:
    """What to change of the input."""
    fields = [InvalidField.of(violation) for violation in refusal.violations]
    return InvalidInput(reason=refusal.reason, message=str(refusal), fields=fields)


def order_refused(
    refusal: Refused,
) -> OutOfStock | PaymentDeclined | ProductsUnknown | OrderRefused:
    """Why there is no such order, or one that is cancelled."""
    told, details = {"reason": refusal.reason, "message": str(refusal)}, refusal.details
    order_id = uuid.UUID(details["order_id"]) if "order_id" in details else None
    match refusal.reason:
        case "OUT_OF_STOCK":
            return OutOfStock(**told, order_id=order_id, skus=_skus(details.get("skus", "")))
        case "PAYMENT_DECLINED":
            return PaymentDeclined(**told, order_id=order_id, decline_code=details.get("decline_code"))
        case "PRODUCT_NOT_FOUND":
            return ProductsUnknown(**told, skus=_skus(details.get("sku", "")))
    return OrderRefused(**told, order_id=order_id)


def _skus(joined: str) -> list[Sku]:
    return [Sku(sku) for sku in joined.split(",") if sku]
