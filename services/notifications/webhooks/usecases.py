"""What accounts do with their webhooks, and what an event does: load, decide, record, in one transaction.

How an endpoint is verified is in `verification.py`, how a delivery reaches it in `sending.py`.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from kit.requests import RequestKey
from services.notifications.webhooks import domain, history, targets
from services.notifications.webhooks.domain import Delivery, Endpoint, Settled
from services.notifications.webhooks.history import Fact, Order


@dataclass(frozen=True)
class Secret:
    """What messages to an endpoint are signed with."""

    secret_id: UUID
    text: str = field(repr=False)


@dataclass(frozen=True)
class CreateEndpoint:
    """Register this endpoint, with this secret."""

    key: RequestKey
    endpoint: Endpoint
    secret: Secret


@dataclass(frozen=True)
class RotateSecret:
    """Sign with this secret from now on."""

    key: RequestKey
    endpoint_id: UUID
    account_id: UUID
    secret: Secret


@dataclass(frozen=True)
class Redeliver:
    """Send this delivery again."""

    key: RequestKey
    endpoint_id: UUID
    account_id: UUID
    delivery_id: UUID


@dataclass(frozen=True)
class Position:
    """Where a page starts: after this one."""

    create_time: datetime
    identity: UUID


@dataclass(frozen=True)
class Parcel:
    """One attempt to make: what to send where, and the secrets to sign it with, the newest first."""

    url: str
    message_id: UUID
    payload: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Attempt:
    """A delivery that is ours to try until its lease ends."""

    delivery_id: UUID
    endpoint_id: UUID
    lease_id: UUID
    parcel: Parcel


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def claim(self, key: RequestKey, answer: UUID) -> UUID | None:
        """None for a new request; a repeat gets the answer of the first."""

    async def recall(self, key: RequestKey) -> UUID | None:
        """The answer of a request that came before; None if it did not."""

    async def endpoint(self, endpoint_id: UUID, account_id: UUID, *, lock: bool) -> tuple[Endpoint, datetime]:
        """An endpoint of this account, and the database's time; raises AccessDenied."""

    async def count_endpoints(self, account_id: UUID) -> int:
        """How many an account has; nobody adds one before this transaction ends."""

    async def add_endpoint(self, endpoint: Endpoint) -> Endpoint:
        """Write a new endpoint; as it is now, with its time."""

    async def update_endpoint(self, endpoint: Endpoint) -> None:
        """Write what has changed of it."""

    async def delete_endpoint(self, endpoint_id: UUID) -> None:
        """Remove it, with its secrets and deliveries."""

    async def endpoints(self, account_id: UUID, after: Position | None, size: int) -> list[Endpoint]:
        """The endpoints of a page, oldest first, and one more if there is another page."""

    async def add_secret(self, endpoint_id: UUID, secret: Secret, overlap: timedelta) -> None:
        """Sign with this one from now on, and with the one before until the overlap ends."""

    async def secrets(self, endpoint_id: UUID) -> tuple[str, ...]:
        """What an endpoint's messages are signed with now, the newest first."""

    async def secret(self, secret_id: UUID, account_id: UUID) -> tuple[Endpoint, str]:
        """The secret that was made by a request, and its endpoint; raises AccessDenied."""

    async def delivery(self, delivery_id: UUID, endpoint_id: UUID) -> Delivery:
        """A delivery of this endpoint, locked; raises AccessDenied."""

    async def update_delivery(self, delivery: Delivery) -> None:
        """Write where it stands; it is nobody's to try now."""

    async def deliveries(self, endpoint_id: UUID, after: Position | None, size: int) -> list[Delivery]:
        """The deliveries of a page, newest first, and one more if there is another page."""

    async def order(self, order_id: UUID) -> Order | None:
        """What is known of an order, locked."""

    async def tell(self, order: Order, fact: Fact) -> int:
        """Write the order, and a delivery for each active endpoint of its customer that wants the fact."""

    async def take_due(self, limit: int, lease: timedelta) -> list[Attempt]:
        """Deliveries that are to be tried now, of each order and endpoint the earliest; ours for a lease."""

    async def taken(self, attempt: Attempt) -> tuple[Endpoint, Delivery, datetime] | None:
        """What an attempt was about, locked; None if it is not ours any more."""

    async def record(self, settled: Settled) -> None:
        """Write what an attempt means."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self, event_id: UUID | None = None) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well; raises AlreadyApplied for an event that had
        its effect before.
        """

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""


class Resolver(Protocol):
    """Knows the addresses of hosts."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """All addresses of a host; none if it is unknown."""


async def create_endpoint(
    command: CreateEndpoint, uow: UnitOfWork, resolver: Resolver, *, local: bool
) -> tuple[Endpoint, str]:
    """Register an endpoint; its secret."""
    endpoint = command.endpoint
    async with uow.begin() as tx:
        if (known := await tx.recall(command.key)) is not None:  # whatever its host is by now
            return await tx.secret(known, endpoint.account_id)
    history.check_event_types(endpoint.event_types)
    target = targets.target_of(endpoint.url, local=local)
    targets.check_addresses(await resolver.addresses(target.host, target.port), local=local)
    async with uow.begin() as tx:
        known = await tx.claim(command.key, command.secret.secret_id)
        if known is not None:
            return await tx.secret(known, endpoint.account_id)
        if await tx.count_endpoints(endpoint.account_id) >= domain.MOST_ENDPOINTS:
            raise domain.TooManyEndpoints
        added = await tx.add_endpoint(endpoint)
        await tx.add_secret(endpoint.endpoint_id, command.secret, timedelta(0))
    return added, command.secret.text


async def get_endpoint(endpoint_id: UUID, account_id: UUID, uow: UnitOfWork) -> Endpoint:
    """One endpoint of the account."""
    async with uow.statement() as tx:
        endpoint, _ = await tx.endpoint(endpoint_id, account_id, lock=False)
        return endpoint


async def list_endpoints(
    account_id: UUID, after: Position | None, size: int, uow: UnitOfWork
) -> list[Endpoint]:
    """The endpoints of a page, and one more if there is another page."""
    async with uow.statement() as tx:
        return await tx.endpoints(account_id, after, size)


async def delete_endpoint(key: RequestKey, endpoint_id: UUID, account_id: UUID, uow: UnitOfWork) -> None:
    """Remove an endpoint; a repeat finds it removed."""
    async with uow.begin() as tx:
        if await tx.recall(key) is None:
            await tx.endpoint(endpoint_id, account_id, lock=True)
            await tx.claim(key, endpoint_id)
            await tx.delete_endpoint(endpoint_id)


async def rotate_secret(command: RotateSecret, uow: UnitOfWork, overlap: timedelta) -> tuple[Endpoint, str]:
    """Sign with a new secret; for a while with the old one too."""
    async with uow.begin() as tx:
        endpoint, _ = await tx.endpoint(command.endpoint_id, command.account_id, lock=True)
        known = await tx.claim(command.key, command.secret.secret_id)
        if known is not None:
            return await tx.secret(known, command.account_id)
        await tx.add_secret(endpoint.endpoint_id, command.secret, overlap)
    return endpoint, command.secret.text


async def list_deliveries(
    endpoint_id: UUID, account_id: UUID, after: Position | None, size: int, uow: UnitOfWork
) -> list[Delivery]:
    """The deliveries of a page, and one more if there is another page."""
    async with uow.statement() as tx:
        await tx.endpoint(endpoint_id, account_id, lock=False)
        return await tx.deliveries(endpoint_id, after, size)


async def redeliver_webhook(command: Redeliver, uow: UnitOfWork) -> Delivery:
    """Send a delivery again."""
    async with uow.begin() as tx:
        endpoint, now = await tx.endpoint(command.endpoint_id, command.account_id, lock=True)
        delivery = await tx.delivery(command.delivery_id, endpoint.endpoint_id)
        if await tx.claim(command.key, delivery.delivery_id) is not None:
            return delivery
        again = domain.redeliver(endpoint, delivery, now)
        await tx.update_delivery(again)
    return again


async def hear(fact: Fact, uow: UnitOfWork) -> int:
    """Record what an event means to the endpoints of the order's customer; how many are told."""
    async with uow.begin(fact.event_id) as tx:
        order = history.hear(await tx.order(fact.order_id), fact)
        return await tx.tell(order, fact) if order is not None else 0
