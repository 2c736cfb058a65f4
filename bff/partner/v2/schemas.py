"""What v2 shows: an amount says its currency, a status what it means for who waits."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class Money(BaseModel):
    """An amount."""

    amount: str = Field(pattern=r"^-?[0-9]+\.[0-9]{2}$", description="Decimal, such as `12.50`.")
    currency: str = Field(description="ISO 4217.")


class Status(BaseModel):
    """Where an order stands."""

    state: str = Field(
        description="pending, awaiting_approval, confirmed, cancelled, shipped, delivered; there may be more."
    )
    version: int = Field(description="Counts the changes, from 1.")
    final: bool = Field(description="Nothing changes any more.")
    reason: str | None = Field(description="Why it was cancelled.")
    cancel_requested: bool
    since: datetime | None


class Line(BaseModel):
    """One product of an order, at the price of its day."""

    sku: str
    title: str
    quantity: int
    unit_price: Money


class Order(BaseModel):
    """An order."""

    id: str
    status: Status
    lines: list[Line]
    total: Money
    placed_at: datetime | None


class Orders(BaseModel):
    """A page of orders, newest first."""

    orders: list[Order]
    next_cursor: str | None = Field(description="Ask with it for the next page; null at the end.")
