"""Reads topics without a group: partitions are assigned by hand, nothing is committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from kit.events import Record
from ops.broker import Broker, Place
from ops.decoding import NEVER, Seen, see
from ops.errors import SuiteError
from ops.merging import Merge

BATCH = 500
POLL_SECONDS = 0.1
HOLD_SECONDS = 0.3
MOST_WAITING = 2_000
"""Records of one partition that wait for their turn; more are left with the broker."""
SILENCE_SECONDS = 20.0
"""How long the broker may be silent before the end of history is reached."""
_AWAY = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE)


class TopicReader:
    """Reads some topics, for one pass."""

    def __init__(self, broker: Broker, topics: Sequence[str], from_beginning: bool) -> None:
        """Raises SuiteError if the broker is away or lacks a topic."""
        self._broker = broker
        places = broker.partitions(topics)
        starts = dict.fromkeys(places, OFFSET_BEGINNING) if from_beginning else broker.ends(places)
        self._merge: Merge[Seen] = Merge(places, HOLD_SECONDS)
        self._paused: set[Place] = set()
        self._heard = time.monotonic()
        self._away = False
        self._consumer: Any = Consumer(
            {
                "bootstrap.servers": broker.address,
                "group.id": "no-group",  # demanded by the library; nothing joins or commits
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "reconnect.backoff.max.ms": 1_000,
                "log_level": 0,
                "error_cb": self._told,
            }
        )
        self._consumer.assign([TopicPartition(*place, start) for place, start in starts.items()])

    def read(
        self,
        wanted: Callable[[Record], bool],
        follow: bool,
        stopped: Callable[[], bool],
        say: Callable[[str], None],
    ) -> Iterator[Seen]:
        """What is wanted, in one order, until `stopped`; without `follow` until all there was is read. `say`
        is told when the broker goes away. SuiteError if it is silent before the end of history.
        """
        while not stopped():
            was_away = self._away
            for message in self._consumer.consume(BATCH, POLL_SECONDS):
                self._take(message, wanted)
            if self._away and not was_away:
                say("the broker is away; waiting for it")
            yield from self._merge.ready(time.monotonic())
            self._go_on()
            if self._merge.in_history:
                self._check_silence()
            elif not follow:
                yield from self._merge.ready(time.monotonic(), everything=True)
                return

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def _take(self, message: Message, wanted: Callable[[Record], bool]) -> None:
        place = (message.topic() or "", message.partition() or 0)
        error = message.error()
        if error is not None:
            self._check(error, place)
            return
        self._heard, self._away = time.monotonic(), False
        record = Record(
            *place,
            message.offset() or 0,
            message.key(),
            message.value(),
            tuple((name, value) for name, value in message.headers() or ()),
        )
        if not wanted(record):
            return
        seen = see(record, _stored(message))
        if self._merge.add(place, seen, seen.time, self._heard) >= MOST_WAITING and place not in self._paused:
            self._paused.add(place)
            self._consumer.pause([TopicPartition(*place)])

    def _check(self, error: KafkaError, place: Place) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self._heard = time.monotonic()
            self._merge.finished(place)
        elif error.code() not in _AWAY and not error.retriable():
            raise SuiteError(f"{place[0]}[{place[1]}] cannot be read: {error.str()}") from KafkaException(
                error
            )

    def _go_on(self) -> None:
        """Read on where few are waiting."""
        for place in [place for place in self._paused if self._merge.waiting(place) < MOST_WAITING // 2]:
            self._paused.discard(place)
            self._consumer.resume([TopicPartition(*place)])

    def _check_silence(self) -> None:
        if time.monotonic() - self._heard > SILENCE_SECONDS:
            raise SuiteError(
                f"the broker at {self._broker.address} has been silent for {SILENCE_SECONDS:.0f} s "
                "in the middle of history; see `make status`"
            )

    def _told(self, error: KafkaError) -> None:
        """What the library says about the broker as a whole."""
        self._away = self._away or error.code() in _AWAY


def _stored(message: Message) -> datetime:
    _, milliseconds = message.timestamp()
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds > 0 else NEVER
