"""Publishes to Kafka: idempotent, acknowledged by all replicas, without lingering.

The synchronous producer with a polling thread: the library's own asyncio producer refuses headers and holds a
lone message back. A producer that has met a fatal error is replaced by a new one.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from kit import telemetry
from kit.errors import Problem, unavailable
from kit.events import RECORD_TOO_LARGE, Event, headers
from kit.logs import log

POLL_SECONDS = 0.2
DELIVERY_MS = 10_000
"""A message that is not acknowledged by then is reported; the outbox still has it."""


class Publisher:
    """One producer for a process, made when first used."""

    def __init__(self, bootstrap: str, client: str) -> None:
        self._settings = {
            "bootstrap.servers": bootstrap,
            "client.id": client,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 0,
            # as the Java client does it: a service in another language finds the same partitions
            "partitioner": "murmur2_random",
            "compression.type": "none",
            "delivery.timeout.ms": DELIVERY_MS,
            "socket.connection.setup.timeout.ms": 2_000,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 2,
        }
        self._producer: Any = None
        self._stopping = threading.Event()

    def open(self) -> None:
        """Connect ahead of the first event, which would wait for it by half a second and more."""
        self._current()

    async def publish(self, event: Event) -> None:
        """Return when the broker has the event. Raises UNAVAILABLE; the event may still arrive then."""
        spans = telemetry.spans()
        with nullcontext(event) if spans is None else spans.sending(event) as told:
            await self.send(told.topic, str(told.key).encode(), told.payload, headers(told))

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, with_headers: list[tuple[str, bytes]]
    ) -> None:
        """The same with any record. Raises RECORD_TOO_LARGE for one that no broker of ours takes."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def delivered(error: KafkaError | None, _: Any) -> None:
            loop.call_soon_threadsafe(_settle, done, error)

        try:
            self._current().produce(topic, key=key, value=value, headers=with_headers, on_delivery=delivered)
        except (BufferError, KafkaException) as error:
            self._check(error)
            raise _problem(error) from error
        try:
            await done
        except KafkaException as error:
            self._check(error)
            raise _problem(error) from error

    def close(self, seconds: float = 1.0) -> None:
        """Let what is under way arrive, shortly; the outbox keeps the rest."""
        self._stopping.set()
        if self._producer is not None:
            self._producer.flush(seconds)
            self._producer.purge()

    def _current(self) -> Any:
        if self._producer is None:
            self._producer = Producer(self._settings)
            name = f"kafka {self._settings['client.id']}"
            threading.Thread(target=self._poll, args=(self._producer,), name=name, daemon=True).start()
        return self._producer

    def _poll(self, producer: Any) -> None:
        """Serve the acknowledgements of one producer until it is replaced."""
        while producer is self._producer and not self._stopping.is_set():
            producer.poll(POLL_SECONDS)

    def _check(self, error: Exception) -> None:
        """After a fatal error nothing gets through this producer any more."""
        cause = error.args[0] if error.args else None
        if isinstance(cause, KafkaError) and cause.fatal():
            log().error("producer_replaced", cause=cause.name())
            self._producer = None


def _problem(error: Exception) -> Problem:
    cause = error.args[0] if error.args else None
    if isinstance(cause, KafkaError) and cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return Problem("invalid", RECORD_TOO_LARGE, "the broker takes no record of this size")
    return unavailable("kafka", "the broker does not take events")


def _settle(done: asyncio.Future[None], error: KafkaError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(KafkaException(error))
