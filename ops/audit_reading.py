"""Reads what the auditor judges: every service's own tables, the processor's ledger, topics, workflows."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from ops import audit_workflows, topics, workflow_reading
from ops.audit_events import APPLIES, Events, Told
from ops.audit_records import Records, Row
from ops.errors import SuiteError
from ops.suite import Suite

ORDERS = """select o.*, j.step, extract(epoch from clock_timestamp() - o.create_time)::float8 as age,
                   extract(epoch from clock_timestamp() - o.update_time)::float8 as quiet
              from orders o left join journal j using (order_id)"""
STARTS = """select order_id, start_time is not null as started, refused,
                   extract(epoch from clock_timestamp() - create_time)::float8 as age from orchestrations"""
SIGNALS = """select order_id, reason, extract(epoch from clock_timestamp() - create_time)::float8 as age
               from signals where send_time is null"""
PAYMENTS = """select order_id, state, amount_minor, cancel_requested,
                     extract(epoch from clock_timestamp() - create_time)::float8 as age from payments"""
SHIPMENTS = """select order_id, state, extract(epoch from clock_timestamp() - create_time)::float8 as age
                 from shipments"""
OUTBOX = """select event_id, topic, key, version, type, sent_time,
                   extract(epoch from clock_timestamp() - create_time)::float8 as age from outbox"""
INBOX = "select event_id from inbox where consumer not like '%.webhooks'"
"""Webhooks mark on their own account: a mail that is missing must not look done by such a mark."""
DEAD_LETTERS = """select topic, partition_number, record_offset, key, reason, state,
                         extract(epoch from clock_timestamp() - create_time)::float8 as age
                    from dead_letters"""
UNSENT = "select count(*) from outbox where sent_time is null"
OPEN = {
    "orders": (
        UNSENT,
        "select count(*) from orders where state in ('PENDING', 'AWAITING_APPROVAL', 'SHIPPED')",
        "select count(*) from orders where state = 'CONFIRMED' and flow = 'FULFIL'",
        "select count(*) from journal where step <> 'DONE'",
        "select count(*) from orchestrations where start_time is null and refused = ''",
        "select count(*) from signals where send_time is null",
    ),
    "inventory": (UNSENT, "select count(*) from reservations where state = 'RESERVED'"),
    "payments": (
        UNSENT,
        "select count(*) from payments where state in ('CHARGING', 'AUTHORIZING', 'CAPTURING')",
        "select count(*) from payments where state = 'AUTHORIZED' and cancel_requested",
    ),
    "shipping": (UNSENT, "select count(*) from shipments where state in ('BOOKED', 'IN_TRANSIT')"),
    "notifications": (UNSENT, "select count(*) from notifications where state <> 'SENT'"),
}
KEPT = timedelta(days=6)
"""Younger events have their row in the outbox still; services keep it for a week."""
KAFKA_SECONDS = 15.0


async def read(suite: Suite) -> Records:
    """Everything once. The marks of consumers come before the topics, and the topics before the outboxes:
    what was applied was told before, and what was told was committed before. One transaction a database.
    Of the list of workflows, which is older than the orders, what does not fit to them is asked for again.
    """
    workflows = await workflow_reading.listed(suite)
    inboxes, dead_letters = {}, {}
    committed = await asyncio.to_thread(_committed, suite)
    for consumer in APPLIES:
        inboxes[consumer], dead_letters[consumer] = await _tables(suite, consumer, INBOX, DEAD_LETTERS)
    told = await asyncio.to_thread(_told, suite)
    outboxes: dict[str, Sequence[Row]] = {}
    history_sql = "select * from order_history"
    orders, history, outboxes["orders"], starts, signals = await _tables(
        suite, "orders", ORDERS, history_sql, OUTBOX, STARTS, SIGNALS
    )
    workflows = replace(workflows, starts=starts, signals=signals)
    suspects = audit_workflows.suspects(orders, workflows)
    workflows = await workflow_reading.asked_again(suite, suspects, workflows)
    payments, outboxes["payments"] = await _tables(suite, "payments", PAYMENTS, OUTBOX)
    charges, entries = await _tables(suite, "processor", "select * from charges", "select * from entries")
    reservations, stock, outboxes["inventory"] = await _tables(
        suite, "inventory", "select * from reservations", "select * from stock", OUTBOX
    )
    notifications, outboxes["notifications"] = await _tables(
        suite, "notifications", "select order_id, kind from notifications", OUTBOX
    )
    shipments, outboxes["shipping"] = await _tables(suite, "shipping", SHIPMENTS, OUTBOX)
    return Records(
        orders=orders,
        history=history,
        payments=payments,
        charges=charges,
        entries=entries,
        reservations=reservations,
        stock=stock,
        notifications=notifications,
        shipments=shipments,
        events=Events(outboxes, inboxes, dead_letters, told, committed),
        workflows=workflows,
    )


async def open_rows(suite: Suite) -> int:
    """How many rows of all services say that something is not finished: a look that costs little, to be
    repeated until it is 0. What is between two services it does not see; `read` does.
    """
    counts = [await _tables(suite, service, *queries) for service, queries in OPEN.items()]
    return sum(int(row["count"]) for tables in counts for (row,) in tables)


async def _tables(suite: Suite, database: str, *queries: str) -> list[Sequence[Row]]:
    try:
        connection = await asyncpg.connect(suite.database_url(database))
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return [[dict(row) for row in await connection.fetch(query)] for query in queries]
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise SuiteError(f"cannot read the records of {database} ({error}); see `make status`") from error


def _told(suite: Suite) -> list[Told]:
    """Every event of every topic up to the end that there is now, in the order of each partition."""
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    consumer: Any = Consumer(
        {
            "bootstrap.servers": suite.address("kafka"),
            "group.id": "audit",  # never committed to
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    try:
        places = [TopicPartition(t, p, 0) for t in topics.EVENTS for p in range(topics.PARTITIONS)]
        left = {(at.topic, at.partition): _end(consumer, at) for at in places}
        consumer.assign([at for at in places if left[at.topic, at.partition] > 0])
        left = {place: end for place, end in left.items() if end > 0}
        found: list[Told] = []
        until = time.monotonic() + KAFKA_SECONDS
        while left:
            batch = consumer.consume(1000, 0.1)  # it waits so long for a thousand, however many there are
            if batch:
                until = time.monotonic() + KAFKA_SECONDS
            elif time.monotonic() > until:
                raise SuiteError("the topics cannot be read to their end; see `make status`")
            for message in batch:
                found += _of(message)
                if message.offset() + 1 >= left.get((message.topic(), message.partition()), 0):
                    left.pop((message.topic(), message.partition()), None)
        return found
    except KafkaException as error:
        raise SuiteError(f"cannot read the topics ({error}); see `make status`") from error
    finally:
        consumer.close()


def _end(consumer: Any, place: Any) -> int:
    return int(consumer.get_watermark_offsets(place, timeout=KAFKA_SECONDS)[1])


def _of(message: Any) -> list[Told]:
    """The event in a record; none in one that is no event, which consumers have set aside."""
    text = {name: value.decode("utf-8", "replace") for name, value in message.headers() or () if value}
    try:
        return [
            Told(
                event_id=uuid.UUID(text["ce_id"]),
                topic=message.topic(),
                partition=message.partition(),
                offset=message.offset(),
                key=(message.key() or b"").decode("utf-8", "replace"),
                version=int(text["ce_aggregateversion"]),
                name=text["ce_type"].rsplit(".", 1)[-1],
                coordination=text["ce_coordination"],
                kept=datetime.fromisoformat(text["ce_time"]) > datetime.now(UTC) - KEPT,
            )
        ]
    except (KeyError, ValueError):
        return []


def _committed(suite: Suite) -> Mapping[tuple[str, str, int], int]:
    """How far each group has come, by group, topic and partition."""
    from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
    from confluent_kafka.admin import AdminClient

    admin: Any = AdminClient({"bootstrap.servers": suite.address("kafka"), "log_level": 0})
    found = {}
    for group in APPLIES:
        try:
            asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
            for at in asked[group].result(KAFKA_SECONDS).topic_partitions:
                found[group, at.topic, at.partition] = max(at.offset, 0)
        except KafkaException:  # a group that has never committed
            continue
    return found
