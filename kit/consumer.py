"""Consumes topics as one member of a group: each event has its effect, then its offset is committed.

The group protocol of Kafka 4 (`group.protocol=consumer`): a killed member's partitions move within the
broker's session timeout. A batch is worked on key by key: the events of one key in their order,
different keys side by side. What cannot be used is handed to `poison`; the partition moves on.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

import kit
from kit import telemetry
from kit.errors import Problem
from kit.events import EnvelopeInvalid, Event, from_record
from kit.logs import log

BATCH = 200
WAIT_SECONDS = 0.1
RETRY_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)

Handler = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True)
class Record:
    """One record as it came, for the dead letters: where it stood, and its bytes."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


Poison = Callable[[Record, str, str], Awaitable[None]]
"""Takes a record that cannot be used, with the reason and a text without secrets."""


@dataclass(frozen=True)
class Subscription:
    """What a consumer reads: its group, its topics, a handler per event type; other types are skipped."""

    group: str
    topics: Sequence[str]
    handlers: Mapping[str, Handler]
    coordinations: frozenset[str] = frozenset()  # empty: all; else others are skipped before decoding


class Consumer:
    """One member of a group."""

    def __init__(self, bootstrap: str, subscription: Subscription, poison: Poison) -> None:
        self._subscription = subscription
        self._poison = poison
        self._settings = {
            "bootstrap.servers": bootstrap,
            "group.id": subscription.group,
            "group.protocol": "consumer",
            "client.id": f"{subscription.group}-{uuid.uuid4().hex[:8]}",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
            "log_level": 2,
        }
        self._stopping = threading.Event()

    async def run(self) -> None:
        """Consume until `stop`; an error of the broker is waited out."""
        consumer: Any = KafkaConsumer(self._settings)
        consumer.subscribe(list(self._subscription.topics))
        try:
            while not self._stopping.is_set():
                batch = await asyncio.to_thread(consumer.consume, BATCH, WAIT_SECONDS)
                usable = [message for message in batch if self._usable(message)]
                if usable:
                    await self._work(usable)
                    kit.crashpoint("consumer.before_offset_commit")
                    await asyncio.to_thread(_commit, consumer, usable)
        finally:
            await asyncio.to_thread(consumer.close)  # leaves the group at once

    def stop(self) -> None:
        """Finish the batch, commit, leave the group."""
        self._stopping.set()

    def _usable(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() not in (KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN):
            log().warning("broker_says", code=error.name())
        return False

    async def _work(self, messages: Sequence[Message]) -> None:
        """One task a key."""
        chains: dict[bytes | None, list[Message]] = {}
        for message in messages:
            chains.setdefault(message.key(), []).append(message)
        await asyncio.gather(*(self._chain(chain) for chain in chains.values()))

    async def _chain(self, messages: Sequence[Message]) -> None:
        for message in messages:
            record = _record(message)
            try:
                event = from_record(record.topic, record.key, record.value or b"", record.headers)
            except EnvelopeInvalid as error:
                await self._poison(record, "ENVELOPE_INVALID", str(error))
                continue
            subscription = self._subscription
            handler = subscription.handlers.get(event.type)
            mine = not subscription.coordinations or event.coordination in subscription.coordinations
            if handler is not None and mine:
                await self._handle(record, event, handler)

    async def _handle(self, record: Record, event: Event, handler: Handler) -> None:
        """Until it has had its effect. What is away is waited for; what is wrong goes to the dead letters."""
        telemetry.accept({"traceparent": event.traceparent} if event.traceparent else {})
        for attempt in range(1_000_000):
            try:
                await handler(event)
                return
            except Problem as problem:
                if problem.kind not in ("unavailable", "conflict"):
                    await self._poison(record, problem.reason, str(problem))
                    return
                log().warning("event_retried", event_id=str(event.event_id), reason=problem.reason)
            except Exception as error:
                log().error("event_failed", event_id=str(event.event_id), exc_info=error)
                await self._poison(record, "HANDLER_FAILED", type(error).__name__)
                return
            await asyncio.sleep(RETRY_PAUSES[min(attempt, len(RETRY_PAUSES) - 1)])


def _record(message: Message) -> Record:
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        tuple((name, value) for name, value in message.headers() or ()),
    )


def _commit(consumer: Any, messages: Sequence[Message]) -> None:
    """Commit the offsets after the last of each partition; a failed commit only repeats events."""
    last: dict[tuple[str, int], int] = {}
    for message in messages:
        place = (message.topic() or "", message.partition() or 0)
        last[place] = max(last.get(place, 0), (message.offset() or 0) + 1)
    offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in last.items()]
    try:
        consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        log().warning("offsets_not_committed", cause=str(error.args[0].name()))
