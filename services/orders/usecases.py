"""What the orders service does when it is asked; how an order is carried on is its mode's affair."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import kit
from kit import call
from kit.ids import new_id
from kit.requests import RequestKey
from services.orders import coordination, domain
from services.orders.domain import (
    Coordination,
    Decision,
    Flow,
    Order,
    Product,
    State,
    Wait,
)
from services.orders.outcome import Outcome, Verdict

CANCEL_SECONDS = 3.0
"""How long a cancel waits for the payment's decision; then the client sees `cancel_requested` and goes on."""


@dataclass(frozen=True)
class PlaceOrder:
    """Order these (sku, quantity) for this customer."""

    key: RequestKey
    customer_id: UUID
    wanted: tuple[tuple[str, int], ...]
    payment_token: str = field(repr=False)
    coordination: Coordination | None
    flow: Flow
    wait: Wait


@dataclass(frozen=True)
class Viewer:
    """Who looks: operators see every order, customers their own."""

    user_id: UUID
    is_operator: bool


@dataclass(frozen=True)
class Status:
    """One entry of an order's history."""

    order_id: UUID
    version: int
    state: State
    reason: str
    cancel_requested: bool
    change_time: datetime


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def claim(self, key: RequestKey, order_id: UUID) -> UUID | None:
        """Take the request for this order; a repeat gets the order of the first."""

    async def add(self, decision: Decision, payment_token: str) -> None:
        """Write a new order; the token is for payments, where events carry the order."""

    async def order(self, order_id: UUID) -> Order:
        """An order, locked; raises AccessDenied when there is none."""

    async def record(self, decision: Decision) -> Order:
        """Write a change of an order."""

    async def wake(self, order_id: UUID) -> None:
        """Let the sweeper of the synchronous chain look at an order now."""

    async def payment_token(self, order_id: UUID) -> str | None:
        """The means of payment of an orchestrated order; None if there is no such order."""

    async def visible(self, order_id: UUID, viewer: Viewer) -> Order:
        """An order the viewer may see; raises AccessDenied, whether it is unknown or somebody else's."""

    async def page(self, viewer: Viewer, size: int, before: tuple[datetime, UUID] | None) -> list[Order]:
        """Orders the viewer may see, newest first."""

    async def history(self, order_id: UUID, after_version: int) -> list[Status]:
        """An order's history after a version, in its order."""

    async def histories(self, order_ids: Sequence[UUID], viewer: Viewer) -> list[Status]:
        """The histories of those of these orders that the viewer may see, each in its order."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self, event_id: UUID | None = None) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well; raises AlreadyApplied for an event that had
        its effect before.
        """

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""

    async def recall(self, key: RequestKey) -> UUID | None:
        """The order that this request placed before."""


class Mode(Protocol):
    """The shape of a coordination."""

    def admit(self) -> AbstractAsyncContextManager[None]:
        """Make room for one more order, which the block creates; raises Overloaded where there is none."""

    async def begin(self, order: Order, payment_token: str, tx: Transaction) -> None:
        """Write what the mode needs, in the transaction that creates the order."""

    async def answer(self, order_id: UUID, wait: Wait) -> Outcome:
        """Carry the order on, or wait for whoever does, and say how it stands."""

    async def cancel(self, order: Order, tx: Transaction) -> None:
        """Pass the customer's wish on, in the transaction that records it; `answer` follows."""


class Catalogue(Protocol):
    """Where prices come from."""

    async def products(self, skus: list[str]) -> Mapping[str, Product]:
        """All of these products, or an error."""


class Watch(Protocol):
    """Somebody's interest in one order."""

    async def changed(self, seconds: float) -> None:
        """Return when the order may have changed since the last look, at the latest after so many seconds."""


async def place_order(
    command: PlaceOrder, uow: UnitOfWork, catalogue: Catalogue, modes: Mapping[Coordination, Mode]
) -> Order:
    """Place an order and answer as its coordination does; a repeat gets the same order's answer."""
    chosen, why = coordination.choose(command.coordination, command.flow)
    order_id = await uow.recall(command.key)
    if order_id is None:
        async with modes[chosen].admit():
            order_id = await _create(command, uow, catalogue, modes, (chosen, why))
    outcome = await modes[chosen].answer(order_id, command.wait)
    kit.crashpoint("orders.before_answer")
    return outcome.answer()


async def _create(
    command: PlaceOrder,
    uow: UnitOfWork,
    catalogue: Catalogue,
    modes: Mapping[Coordination, Mode],
    choice: tuple[Coordination, str],
) -> UUID:
    """Price the order, freeze the price, and write everything that it begins with at once."""
    chosen, why = choice
    products = await catalogue.products([sku for sku, _ in command.wanted])
    lines = domain.price(command.wanted, dict(products))
    order = Order(
        order_id=new_id(),
        customer_id=command.customer_id,
        lines=lines,
        total=domain.total_of(lines),
        currency_code=products[lines[0].sku].currency_code,
        coordination=chosen,
        coordination_reason=why,
        flow=command.flow,
    )
    async with uow.begin() as tx:
        first = await tx.claim(command.key, order.order_id)
        if first is not None:
            return first
        await tx.add(domain.place(order), command.payment_token)
        await modes[chosen].begin(order, command.payment_token, tx)
        kit.crashpoint("orders.before_commit")
    kit.crashpoint("orders.after_commit")
    return order.order_id


async def cancel_order(
    key: RequestKey, order_id: UUID, viewer: Viewer, uow: UnitOfWork, modes: Mapping[Coordination, Mode]
) -> Order:
    """Record the wish to cancel, let the mode carry it to the payment, and say how the order stands."""
    async with uow.begin() as tx:
        await tx.visible(order_id, viewer)
        await tx.claim(key, order_id)
        decision = domain.request_cancel(await tx.order(order_id))
        if decision.refusal is not None:
            raise decision.refusal
        await tx.record(decision)
        await modes[decision.order.coordination].cancel(decision.order, tx)
    call.set_deadline(call.remaining(CANCEL_SECONDS))
    outcome = await modes[decision.order.coordination].answer(order_id, Wait.FINAL)
    if outcome.verdict is Verdict.CONFIRMED:
        raise domain.OrderNotCancellable(outcome.order)
    return outcome.order


async def get_order(order_id: UUID, viewer: Viewer, uow: UnitOfWork) -> Order:
    """Read one order."""
    async with uow.statement() as tx:
        return await tx.visible(order_id, viewer)


async def list_orders(
    viewer: Viewer, size: int, before: tuple[datetime, UUID] | None, uow: UnitOfWork
) -> tuple[list[Order], bool]:
    """A page of orders, newest first, and whether there are more."""
    async with uow.statement() as tx:
        orders = await tx.page(viewer, size + 1, before)
    return orders[:size], len(orders) > size


async def batch_get_histories(order_ids: Sequence[UUID], viewer: Viewer, uow: UnitOfWork) -> list[Status]:
    """The histories of those of the orders that the viewer may see, one after the other."""
    async with uow.statement() as tx:
        return await tx.histories(order_ids, viewer)
