"""What the analytics service does when it hears an event, and when it is asked."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kit.inbox import Stale
from services.analytics import domain
from services.analytics.domain import Change, Counts, Heard, ProductHour, Sale, Totals


@dataclass(frozen=True)
class CountEvent:
    """Let this event of an order have its effect."""

    event_id: UUID
    order_id: UUID
    heard: Heard


@dataclass(frozen=True)
class Position:
    """Where a page starts: behind this product of this hour."""

    hour: datetime
    sku: str


@dataclass(frozen=True)
class ListSales:
    """A page of sales of this product ("" for all), in hours that begin at this time or later (None: all)."""

    sku: str
    start_time: datetime | None
    after: Position | None
    size: int


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def sale(self, order_id: UUID) -> Sale:
        """What is known of an order, locked."""

    async def record(self, change: Change) -> None:
        """Write what follows from an event."""

    async def page(self, query: ListSales, limit: int) -> Sequence[ProductHour]:
        """So many entries of a page, newest hour first, then by sku."""

    async def everything(self) -> tuple[Counts, Sequence[ProductHour]]:
        """The whole read model, as it is at one moment."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self, event_id: UUID | None = None) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well; raises AlreadyApplied for an event that had
        its effect before.
        """

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""


async def count_event(command: CountEvent, uow: UnitOfWork) -> None:
    """Let an event have its effect once. Raises AlreadyApplied, Stale, VersionGap."""
    async with uow.begin(command.event_id) as tx:
        sale = await tx.sale(command.order_id)
        if not domain.is_next(sale, command.heard.version):
            raise Stale
        await tx.record(domain.hear(sale, command.heard))


async def list_sales(query: ListSales, uow: UnitOfWork) -> Sequence[ProductHour]:
    """Read a page, and one entry more if another page follows."""
    async with uow.statement() as tx:
        return await tx.page(query, query.size + 1)


async def get_totals(uow: UnitOfWork) -> Totals:
    """Add everything up."""
    async with uow.statement() as tx:
        counts, hours = await tx.everything()
    return domain.total(counts, hours)
