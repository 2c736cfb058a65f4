"""The tables of webhooks that accounts see: endpoints, their secrets, deliveries, and requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from kit import inbox, requests
from kit.database import Connection, Database
from kit.requests import RequestKey
from services.notifications.webhooks.domain import AccessDenied, Delivery, Endpoint
from services.notifications.webhooks.queue import Queue, ToPayload, delivery_of, endpoint_of
from services.notifications.webhooks.usecases import Position, Secret

CONSUMER = "notifications.webhooks"
"""Whose marks in the inbox these are: a mail and a webhook about the same event are two effects."""


class WebhooksTransaction(Queue):
    """One transaction on the notifications database; every query of an account's own names the account."""

    def __init__(self, connection: Connection, to_payload: ToPayload) -> None:
        super().__init__(connection, to_payload)
        self._connection = connection

    async def claim(self, key: RequestKey, answer: UUID) -> UUID | None:
        """None for a new request; a repeat gets the answer of the first."""
        known = await requests.claim(self._connection, key, str(answer))
        return None if known is None else UUID(known)

    async def recall(self, key: RequestKey) -> UUID | None:
        """The answer of a request that came before; None if it did not."""
        known = await requests.recall(self._connection, key)
        return None if known is None else UUID(known)

    async def endpoint(self, endpoint_id: UUID, account_id: UUID, *, lock: bool) -> tuple[Endpoint, datetime]:
        """An endpoint of this account, and the database's time; raises AccessDenied."""
        row = await self._connection.fetchrow(
            f"""select *, clock_timestamp() as now from webhook_endpoints
                 where endpoint_id = $1 and account_id = $2 {"for no key update" if lock else ""}""",  # noqa: S608 - one of two texts of ours
            endpoint_id,
            account_id,
        )
        if row is None:
            raise AccessDenied
        return endpoint_of(row), row["now"]

    async def count_endpoints(self, account_id: UUID) -> int:
        """How many an account has; nobody adds one before this transaction ends."""
        await self._connection.execute(
            "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"webhook_endpoints {account_id}"
        )
        found = await self._connection.fetchval(
            "select count(*) from webhook_endpoints where account_id = $1", account_id
        )
        return int(found)

    async def add_endpoint(self, endpoint: Endpoint) -> Endpoint:
        """Write a new endpoint; as it is now, with its time."""
        row = await self._connection.fetchrow(
            """insert into webhook_endpoints (endpoint_id, account_id, url, event_types)
               values ($1, $2, $3, $4) returning *""",
            endpoint.endpoint_id,
            endpoint.account_id,
            endpoint.url,
            list(endpoint.event_types),
        )
        assert row is not None  # noqa: S101 - inserted above
        return endpoint_of(row)

    async def delete_endpoint(self, endpoint_id: UUID) -> None:
        """Remove it, with its secrets and deliveries."""
        await self._connection.execute("delete from webhook_endpoints where endpoint_id = $1", endpoint_id)

    async def endpoints(self, account_id: UUID, after: Position | None, size: int) -> list[Endpoint]:
        """The endpoints of a page, oldest first, and one more if there is another page."""
        rows = await self._connection.fetch(
            """select * from webhook_endpoints
                where account_id = $1
                  and ($2::timestamptz is null or (create_time, endpoint_id) > ($2, $3::uuid))
                order by create_time, endpoint_id limit $4""",
            account_id,
            after and after.create_time,
            after and after.identity,
            size + 1,
        )
        return [endpoint_of(row) for row in rows]

    async def add_secret(self, endpoint_id: UUID, secret: Secret, overlap: timedelta) -> None:
        """Sign with this one from now on, and with the one before until the overlap ends; with none older."""
        await self._connection.execute(
            """update webhook_secrets set expire_time =
                      case when expire_time is null then clock_timestamp() + $2::interval
                           else least(expire_time, clock_timestamp()) end
                where endpoint_id = $1""",
            endpoint_id,
            overlap,
        )
        await self._connection.execute(
            "insert into webhook_secrets (secret_id, endpoint_id, secret) values ($1, $2, $3)",
            secret.secret_id,
            endpoint_id,
            secret.text,
        )

    async def secret(self, secret_id: UUID, account_id: UUID) -> tuple[Endpoint, str]:
        """The secret that was made by a request, and its endpoint; raises AccessDenied."""
        row = await self._connection.fetchrow(
            """select webhook_endpoints.*, secret
                 from webhook_secrets join webhook_endpoints using (endpoint_id)
                where secret_id = $1 and account_id = $2""",
            secret_id,
            account_id,
        )
        if row is None:
            raise AccessDenied
        return endpoint_of(row), row["secret"]

    async def delivery(self, delivery_id: UUID, endpoint_id: UUID) -> Delivery:
        """A delivery of this endpoint, locked; raises AccessDenied."""
        row = await self._connection.fetchrow(
            "select * from webhook_deliveries where delivery_id = $1 and endpoint_id = $2 for update",
            delivery_id,
            endpoint_id,
        )
        if row is None:
            raise AccessDenied
        return delivery_of(row)

    async def deliveries(self, endpoint_id: UUID, after: Position | None, size: int) -> list[Delivery]:
        """The deliveries of a page, newest first, and one more if there is another page."""
        rows = await self._connection.fetch(
            """select * from webhook_deliveries
                where endpoint_id = $1
                  and ($2::timestamptz is null or (create_time, delivery_id) < ($2, $3::uuid))
                order by create_time desc, delivery_id desc limit $4""",
            endpoint_id,
            after and after.create_time,
            after and after.identity,
            size + 1,
        )
        return [delivery_of(row) for row in rows]


class WebhooksUnitOfWork:
    """Opens transactions on the notifications database."""

    def __init__(self, database: Database, to_payload: ToPayload) -> None:
        self._database = database
        self._to_payload = to_payload

    @asynccontextmanager
    async def begin(self, event_id: UUID | None = None) -> AsyncIterator[WebhooksTransaction]:
        """One transaction, committed when the block ends well; the effect of an event, if it is one."""
        async with inbox.transaction(self._database, CONSUMER, event_id) as connection:
            yield WebhooksTransaction(connection, self._to_payload)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[WebhooksTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield WebhooksTransaction(connection, self._to_payload)
