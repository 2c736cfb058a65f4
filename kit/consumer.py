"""Consumes topics as one member of a group: each event has its effect, then its offset is committed.

The group protocol of Kafka 4 (`group.protocol=consumer`): a killed member's partitions move within the
broker's session timeout. One thread reads and commits; the work is done in the event loop, the events of
one key of a topic in their order, different keys side by side, so a slow one holds nobody up.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

import kit
from kit.dispatch import Dispatcher
from kit.events import Record
from kit.logs import log
from kit.progress import Place, Progress

BATCH = 50
WAIT_SECONDS = 0.2
IN_FLIGHT = 100
"""Records that are worked on at once; more are left with the broker."""
COMMIT_SECONDS = 1.0
LEAVE_SECONDS = 4.0
"""How long the work on partitions that are taken away is waited for."""
_QUIET = (KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT)


class Consumer:
    """One member of a group."""

    def __init__(self, bootstrap: str, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        group = dispatcher.subscription.group
        self._settings = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "group.protocol": "consumer",
            "client.id": f"{group}-{uuid.uuid4().hex[:8]}",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            # a database that is away for long is no reason to leave the group: heartbeats go on by themselves
            "max.poll.interval.ms": 3_600_000,
            "socket.connection.setup.timeout.ms": 2_000,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 2,
        }
        self._progress = Progress()
        self._stopping = threading.Event()
        self._chains: dict[tuple[str, object], deque[Record]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._committed_at = 0.0

    async def run(self) -> None:
        """Consume until `stop`; an error of the broker is waited out."""
        try:
            await asyncio.to_thread(self._read, asyncio.get_running_loop())
        finally:
            for task in self._tasks:  # left over only when the work did not end in time
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """Finish what is being worked on, commit, leave the group."""
        self._stopping.set()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread: read, hand over, commit."""
        consumer: Any = KafkaConsumer(self._settings)

        consumer.subscribe(
            list(self._dispatcher.subscription.topics),
            on_assign=lambda _, places: loop.call_soon_threadsafe(self._dispatcher.assigned),
            on_revoke=lambda _, places: self._give_up(consumer, _places(places)),
            on_lost=lambda _, places: self._progress.forget(_places(places)),
        )
        try:
            while not self._stopping.is_set():
                if self._progress.wait_below(IN_FLIGHT, WAIT_SECONDS):
                    self._take(consumer, loop)
                self._commit(consumer, COMMIT_SECONDS)
            self._progress.wait_below(1, LEAVE_SECONDS)
            self._commit(consumer, 0)
        finally:
            consumer.close()  # leaves the group at once

    def _take(self, consumer: Any, loop: asyncio.AbstractEventLoop) -> None:
        """One event as soon as it is there, and whatever has come with it."""
        first = consumer.poll(WAIT_SECONDS)
        if first is None:
            return
        batch = [first, *consumer.consume(BATCH - 1, 0)]
        records = [_record(message) for message in batch if _usable(message)]
        self._progress.taken(((record.topic, record.partition), record.offset) for record in records)
        loop.call_soon_threadsafe(self._deliver, records)

    def _deliver(self, records: Sequence[Record]) -> None:
        """In the loop: each record behind the earlier ones of its key."""
        for record in records:
            place = (
                record.topic,
                record.key if record.key is not None else (record.partition, record.offset),
            )
            chain = self._chains.get(place)
            if chain is not None:
                chain.append(record)
                continue
            self._chains[place] = deque([record])
            task = asyncio.get_running_loop().create_task(self._work(place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, place: tuple[str, object]) -> None:
        chain = self._chains[place]
        try:
            while chain:
                record = chain[0]
                await self._dispatcher.dispatch(record)
                self._progress.done((record.topic, record.partition), record.offset)
                chain.popleft()
        finally:
            del self._chains[place]

    def _give_up(self, consumer: Any, places: list[Place]) -> None:
        """Partitions move to another member: finish what is being worked on, so that it begins behind it."""
        self._progress.wait_below(1, LEAVE_SECONDS, places)
        self._commit(consumer, 0)
        self._progress.forget(places)

    def _commit(self, consumer: Any, every: float) -> None:
        """Commit what is done; a failed commit only repeats events."""
        now = time.monotonic()
        if now - self._committed_at < every:
            return
        self._committed_at = now
        moved = self._progress.to_commit()
        if not moved:
            return
        kit.crashpoint("consumer.before_offset_commit")
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in moved.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=every > 0)
        except KafkaException as error:
            log().warning("offsets_not_committed", cause=str(error.args[0].name()))


def _usable(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.code() not in _QUIET:
        log().warning("broker_says", code=error.name())
    return False


def _record(message: Message) -> Record:
    try:
        headers = tuple((name, value) for name, value in message.headers() or ())
    except UnicodeDecodeError:  # the library reads all headers or none; without them it is set aside
        headers = ()
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        headers,
    )


def _places(partitions: Sequence[TopicPartition]) -> list[Place]:
    return [(found.topic, found.partition) for found in partitions]
