"""What goes over the wire: short names, few fields, and what there is nothing to say of is left out.

Amounts are whole cents, times whole seconds since 1970. A client must expect states that it does not know.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sku = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9-]{1,39}$")]
LARGEST = 2**53 - 1  # the largest whole number that JSON's readers agree on


class Answer(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False, frozen=True)

    def encoded(self) -> str:
        """As it is sent."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class Body(BaseModel):
    """Part of a body: of the types that it says, and with nothing else."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Me(Answer):
    """Who has signed in."""

    username: str = Field(alias="u", description="the name to sign in with")
    name: str = Field(alias="n", description="how to address the person")


class OrderCard(Answer):
    """An order in a list."""

    id: str = Field(alias="i", description="identity of the order", json_schema_extra={"format": "uuid"})
    state: str = Field(alias="s", description="where it stands, such as PENDING, CONFIRMED, CANCELLED")
    version: int = Field(alias="v", description="counts its states, from 1; `/events` goes on after it")
    total: int = Field(alias="a", description="amount: the sum of all lines, in cents")
    currency: str = Field(alias="c", description="currency of the amounts, ISO 4217")
    pieces: int = Field(alias="q", description="how many pieces it has")
    placed: int = Field(alias="t", description="when it was placed")


class ProductCard(Answer):
    """A product in a list."""

    sku: str = Field(alias="k", description="its sku, to order it by")
    title: str = Field(alias="n", description="its name")
    price: int = Field(alias="a", description="amount: the price of one, in cents")
    currency: str = Field(alias="c", description="currency of the price, ISO 4217")


class Home(Answer):
    """The first screen. What a service does not tell in time is left out, and the service is named in `x`."""

    me: Me | None = Field(default=None, alias="me", description="who has signed in")
    orders: list[OrderCard] | None = Field(
        default=None, alias="o", description="the last orders, newest first"
    )
    products: list[ProductCard] | None = Field(
        default=None, alias="p", description="the head of the catalogue"
    )
    missing: list[str] | None = Field(
        default=None, alias="x", description="who has not answered: ask again later"
    )


class Line(Answer):
    """One product of an order, as it was when the order was placed."""

    sku: str = Field(alias="k", description="which product")
    title: str = Field(alias="n", description="its name")
    quantity: int = Field(alias="q", description="how many")
    price: int = Field(alias="a", description="amount: the price of one, in cents")


class OrderScreen(OrderCard):
    """An order with its lines."""

    changed: int = Field(alias="u", description="when it last changed")
    reason: str | None = Field(default=None, alias="r", description="why it is cancelled, or being cancelled")
    cancelling: bool | None = Field(
        default=None, alias="w", description="true while a cancellation is asked for"
    )
    lines: list[Line] = Field(alias="l", description="what was ordered")


class Status(Answer):
    """One entry of an order's history."""

    version: int = Field(alias="v", description="counts the entries, from 1 without gap")
    state: str = Field(alias="s", description="the state from then on")
    changed: int = Field(alias="t", description="when it happened")
    reason: str | None = Field(default=None, alias="r", description="why it is cancelled, or being cancelled")
    cancelling: bool | None = Field(
        default=None, alias="w", description="true when a cancellation is asked for"
    )


class News(Answer):
    """What is new of an order."""

    entries: list[Status] = Field(alias="e", description="behind the version asked for, oldest first")
    done: bool | None = Field(default=None, alias="d", description="true at the end: nothing will follow")


class Token(Answer):
    """What requests are signed with."""

    token: str = Field(alias="t", description="send it as `authorization: Bearer …`")
    expires: int = Field(alias="x", description="when it stops being valid")


class SignIn(Body):
    """Who signs in."""

    username: str = Field(alias="u", min_length=1, max_length=32, description="the account's name")
    password: str = Field(alias="p", min_length=1, max_length=200, description="its password")


class CheckoutLine(Body):
    """One product to order."""

    sku: Sku = Field(alias="k", description="which product; each once")
    quantity: int = Field(alias="q", ge=1, le=1000, description="how many")


class Checkout(Body):
    """An order to place."""

    lines: list[CheckoutLine] = Field(alias="l", min_length=1, max_length=100, description="what to order")
    payment: str = Field(
        alias="pay",
        pattern=r"^tok_[a-z0-9_]{1,60}$",
        description="an opaque reference to a means of payment, such as `tok_approved`",
    )


class ProblemError(BaseModel):
    """One thing that is wrong."""

    pointer: str = Field(
        description="a JSON pointer into the body; else begins with /path, /query or /header"
    )
    detail: str


class ProblemDetails(BaseModel):
    """Why there is no answer (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="for developers")
    code: str = Field(description="the stable reason, in UPPER_SNAKE")
    traceId: str = Field(description="names the request in the logs")  # noqa: N815 - its name on the wire
    errors: list[ProblemError] | None = Field(default=None, description="all fields that are wrong")


def _names(*models: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or "" for model in models for field in model.model_fields.values())


READ_ONLY = _names(OrderScreen, Line, Token) - _names(SignIn, Checkout, CheckoutLine)
"""What only answers have: to send it is another mistake than to misspell a name."""
