"""The tables of webhooks that are on their way: orders, and one row an event and endpoint."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from kit.database import Connection
from services.notifications.webhooks.domain import Delivery, DeliveryState, Endpoint, EndpointState, Settled
from services.notifications.webhooks.history import EVENT_TYPES, Fact, Order
from services.notifications.webhooks.usecases import Attempt, Parcel

AT_ONCE = 4
"""Attempts at one endpoint at a time: one that is slow must not hold up those of others."""

_TAKE_DUE = """
with due as (
    select delivery_id from (
      select d.delivery_id, d.next_attempt_time,
             row_number() over (partition by d.endpoint_id order by d.next_attempt_time)
             + (select count(*) from webhook_deliveries as busy
                 where busy.endpoint_id = d.endpoint_id and busy.state = 'PENDING'
                   and busy.lease_time > clock_timestamp()) as place
        from webhook_deliveries as d join webhook_endpoints using (endpoint_id)
       where d.state = 'PENDING' and webhook_endpoints.state = 'ACTIVE'
         and d.next_attempt_time <= clock_timestamp()
         and (d.lease_time is null or d.lease_time <= clock_timestamp())
         and not exists (
             select from webhook_deliveries as earlier
              where earlier.endpoint_id = d.endpoint_id and earlier.order_id = d.order_id
                and earlier.version < d.version and earlier.state = 'PENDING')) as first
     where place <= $2 order by next_attempt_time limit $1),
  free as (
    select delivery_id from webhook_deliveries
     where delivery_id in (select delivery_id from due) and state = 'PENDING'
       and (lease_time is null or lease_time <= clock_timestamp()) for update skip locked)
  update webhook_deliveries as d
     set lease_id = $3, lease_time = clock_timestamp() + $4::interval
    from webhook_endpoints as e
   where d.delivery_id in (select delivery_id from free) and e.endpoint_id = d.endpoint_id
  returning d.delivery_id, d.endpoint_id, d.event_id, d.payload, d.lease_id, e.url"""
"""Of each order and endpoint the earliest, where nobody tries; no more of an endpoint than AT_ONCE."""

ToPayload = Callable[[Order, Fact], str]
"""What is sent of a fact: the same bytes in every attempt."""


class Queue:
    """What waits, in one transaction on the notifications database."""

    def __init__(self, connection: Connection, to_payload: ToPayload) -> None:
        self._connection = connection
        self._to_payload = to_payload

    async def order(self, order_id: UUID) -> Order | None:
        """What is known of an order, locked."""
        row = await self._connection.fetchrow(
            "select * from webhook_orders where order_id = $1 for update", order_id
        )
        return Order(**dict(row)) if row else None

    async def tell(self, order: Order, fact: Fact) -> int:
        """Write the order, and a delivery for each active endpoint of its customer that wants the fact. An
        endpoint that is being disabled is waited for: it is told before, and loses that too, or not at all.
        """
        told = await self._connection.fetchval(
            """with known as (
                 insert into webhook_orders (order_id, customer_id, version, state) values ($1, $2, $3, $4)
                 on conflict (order_id) do update set version = excluded.version, state = excluded.state),
               wanting as (
                 select endpoint_id from webhook_endpoints
                  where account_id = $2 and state = 'ACTIVE' and $5 = any (event_types) for share),
               added as (
                 insert into webhook_deliveries
                        (endpoint_id, event_id, event_type, order_id, version, payload)
                 select endpoint_id, $6, $5, $1, $3, $7 from wanting returning true)
               select count(*) from added""",
            order.order_id,
            order.customer_id,
            order.version,
            order.state,
            EVENT_TYPES[fact.name],
            fact.event_id,
            self._to_payload(order, fact),
        )
        return int(told)

    async def take_due(self, limit: int, lease: timedelta) -> list[Attempt]:
        """Deliveries that are to be tried now, of each order and endpoint the earliest; ours for a lease."""
        rows = await self._connection.fetch(
            _TAKE_DUE,
            limit,
            AT_ONCE,
            uuid4(),
            lease,
        )
        secrets = await self._secrets({row["endpoint_id"] for row in rows}) if rows else {}
        return [
            Attempt(
                row["delivery_id"],
                row["endpoint_id"],
                row["lease_id"],
                Parcel(row["url"], row["event_id"], row["payload"], tuple(secrets[row["endpoint_id"]])),
            )
            for row in rows
        ]

    async def secrets(self, endpoint_id: UUID) -> tuple[str, ...]:
        """What an endpoint's messages are signed with now, the newest first."""
        return tuple((await self._secrets({endpoint_id}))[endpoint_id])

    async def _secrets(self, endpoint_ids: set[UUID]) -> dict[UUID, list[str]]:
        rows = await self._connection.fetch(
            """select endpoint_id, secret from webhook_secrets
                where endpoint_id = any ($1) and (expire_time is null or expire_time > clock_timestamp())
                order by create_time desc""",
            list(endpoint_ids),
        )
        found: dict[UUID, list[str]] = {endpoint_id: [] for endpoint_id in endpoint_ids}
        for row in rows:
            found[row["endpoint_id"]].append(row["secret"])
        return found

    async def taken(self, attempt: Attempt) -> tuple[Endpoint, Delivery, datetime] | None:
        """What an attempt was about, locked, the endpoint first; None if it is not ours any more."""
        endpoint = await self._connection.fetchrow(
            "select * from webhook_endpoints where endpoint_id = $1 for no key update", attempt.endpoint_id
        )
        delivery = await self._connection.fetchrow(
            """select *, clock_timestamp() as now from webhook_deliveries
                where delivery_id = $1 and lease_id = $2 for update""",
            attempt.delivery_id,
            attempt.lease_id,
        )
        if endpoint is None or delivery is None:
            return None
        return endpoint_of(endpoint), delivery_of(delivery), delivery["now"]

    async def record(self, settled: Settled) -> None:
        """Write what an attempt means; what waits for an endpoint that is disabled now is given up."""
        await self.update_endpoint(settled.endpoint)
        await self.update_delivery(settled.delivery)
        if settled.disabled:
            await self._connection.execute(
                """update webhook_deliveries
                      set state = 'FAILED', last_failure_reason = 'ENDPOINT_DISABLED',
                          next_attempt_time = null, settle_time = clock_timestamp(),
                          lease_id = null, lease_time = null
                    where endpoint_id = $1 and state = 'PENDING'""",
                settled.endpoint.endpoint_id,
            )

    async def update_endpoint(self, endpoint: Endpoint) -> None:
        """Write what has changed of it."""
        await self._connection.execute(
            """update webhook_endpoints set state = $2, disable_reason = $3, verify_time = $4,
                      failure_time = $5, failure_reason = $6 where endpoint_id = $1""",
            endpoint.endpoint_id,
            endpoint.state,
            endpoint.disable_reason,
            endpoint.verify_time,
            endpoint.failure_time,
            endpoint.failure_reason,
        )

    async def update_delivery(self, delivery: Delivery) -> None:
        """Write where it stands; it is nobody's to try now."""
        await self._connection.execute(
            """update webhook_deliveries set state = $2, attempts = $3, last_status_code = $4,
                      last_failure_reason = $5, next_attempt_time = $6, settle_time = $7,
                      lease_id = null, lease_time = null where delivery_id = $1""",
            delivery.delivery_id,
            delivery.state,
            delivery.attempts,
            delivery.last_status_code,
            delivery.last_failure_reason,
            delivery.next_attempt_time,
            delivery.settle_time,
        )


def endpoint_of(row: asyncpg.Record) -> Endpoint:
    """An endpoint as its row has it."""
    return Endpoint(
        endpoint_id=row["endpoint_id"],
        account_id=row["account_id"],
        url=row["url"],
        event_types=tuple(row["event_types"]),
        state=EndpointState(row["state"]),
        disable_reason=row["disable_reason"],
        create_time=row["create_time"],
        verify_time=row["verify_time"],
        failure_time=row["failure_time"],
        failure_reason=row["failure_reason"],
    )


def delivery_of(row: asyncpg.Record) -> Delivery:
    """A delivery as its row has it."""
    return Delivery(
        delivery_id=row["delivery_id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        order_id=row["order_id"],
        version=row["version"],
        payload=row["payload"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        last_status_code=row["last_status_code"],
        last_failure_reason=row["last_failure_reason"],
        create_time=row["create_time"],
        next_attempt_time=row["next_attempt_time"],
        settle_time=row["settle_time"],
    )
