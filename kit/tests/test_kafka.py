"""Events over a real Kafka: once each, in order per key, whatever is delivered again."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kit.consumer import Consumer, _record
from kit.database import Database
from kit.deadletters import DeadLetters
from kit.dispatch import Dispatcher, Handler, Reaction, Subscription
from kit.errors import Problem, unavailable
from kit.events import Event, Record, RecordUnusable, from_record, headers
from kit.kafka import Publisher
from kit.testing.events import TABLES
from kit.testing.postgres import scratch_database
from ordermesh.orders.v1.orders_events_pb2 import OrderConfirmed

TYPE = "ordermesh.orders.v1.OrderConfirmed"
KAFKA = "ORDERMESH_TEST_KAFKA"
kafka = pytest.mark.kafka


def event(topic: str = "t", key: uuid.UUID | None = None, version: int = 1, **changes: str) -> Event:
    key = key or uuid.uuid4()
    payload = OrderConfirmed(order_id=str(key)).SerializeToString()
    known = {"type": TYPE, "coordination": "CHOREOGRAPHY", "traceparent": "", **changes}
    now = datetime.now(UTC)
    return Event(
        event_id=uuid.uuid4(), topic=topic, key=key, version=version, time=now, payload=payload, **known
    )


def record_of(event: Event, **changed: Any) -> Record:
    """The record of an event, or one that differs from it."""
    known = {"key": str(event.key).encode(), "value": event.payload, "headers": tuple(headers(event))}
    return Record(event.topic, 0, 0, **(known | changed))


def test_an_event_comes_back_as_it_went() -> None:
    sent = event(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert from_record(record_of(sent)) == sent


@pytest.mark.parametrize(
    "name", ["ce_id", "ce_type", "ce_subject", "ce_time", "ce_specversion", "content-type"]
)
def test_a_record_without_a_header_is_refused_by_its_name(name: str) -> None:
    sent = event()
    left = tuple((key, value) for key, value in headers(sent) if key != name)
    with pytest.raises(RecordUnusable, match=name) as caught:
        from_record(record_of(sent, headers=left))
    assert caught.value.reason == "ENVELOPE_INVALID"


TOPIC = "ordermesh.orders.v1"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"value": None}, "MALFORMED"),
        ({"value": b""}, "MALFORMED"),
        ({"value": b"x" * (256 * 1024 + 1)}, "MALFORMED"),
        ({"key": b"another"}, "ENVELOPE_INVALID"),
        ({"key": None}, "ENVELOPE_INVALID"),
        ({"type": "ordermesh.payments.v1.PaymentProcessed"}, "WRONG_TYPE"),
        ({"type": "nonsense"}, "WRONG_TYPE"),
        ({"type": "ordermesh.orders.v2.OrderConfirmed"}, "VERSION_TOO_NEW"),
    ],
    ids=str,
)
def test_a_record_that_is_no_event_is_refused_with_its_reason(changed: dict[str, Any], reason: str) -> None:
    kind = changed.pop("type", TYPE)
    sent = event(TOPIC, type=kind)
    with pytest.raises(RecordUnusable) as caught:
        from_record(record_of(sent, **changed))
    assert caught.value.reason == reason


@pytest.fixture
async def topic() -> AsyncIterator[str]:
    name = f"test.{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": os.environ[KAFKA]})
    wanted = [NewTopic(name, 3, 1), NewTopic(f"{name}.dlq", 1, 1)]
    for made in admin.create_topics(wanted).values():
        made.result(10)
    yield name
    for gone in admin.delete_topics([name, f"{name}.dlq"]).values():
        gone.result(10)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    (tmp_path / "1_events.sql").write_text(TABLES)
    async with scratch_database(tmp_path) as made:
        yield made


class Reader:
    """A consumer of `OrderConfirmed` with dead letters of its own."""

    def __init__(self, topic: str, database: Database, handle: Handler, *coordinations: str) -> None:
        self.publisher = Publisher(os.environ[KAFKA], "test")
        self.letters = DeadLetters(f"g-{topic}", database, self.publisher)
        reaction = Reaction(OrderConfirmed, handle, frozenset(coordinations))
        self.dispatcher = Dispatcher(Subscription(f"g-{topic}", [topic], [reaction]), self.letters)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Consumer]:
        consumer = Consumer(os.environ[KAFKA], self.dispatcher)
        task = asyncio.create_task(consumer.run())
        try:
            yield consumer
        finally:
            consumer.stop()
            await task
            self.publisher.close()

    async def publish(self, *events: Event) -> None:
        for each in events:
            await self.publisher.publish(each)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what it looks at is in several places
            await asyncio.sleep(0.02)


@kafka
@pytest.mark.postgres
async def test_events_arrive_in_order_per_key_and_a_new_member_goes_on_behind_them(
    topic: str, database: Database
) -> None:
    keys = [uuid.uuid4() for _ in range(5)]
    seen: list[Event] = []

    async def handle(got: Event, _: OrderConfirmed) -> None:
        seen.append(got)

    first = Reader(topic, database, handle)
    await first.publish(*(event(topic, key, version) for version in (1, 2, 3) for key in keys))
    async with first.running():
        await eventually(lambda: len(seen) == 15)
    second = Reader(topic, database, handle)
    await second.publish(*(event(topic, key, 4) for key in keys[:2]))
    async with second.running():
        await eventually(lambda: len(seen) >= 17)
    for number, key in enumerate(keys):
        versions = [got.version for got in seen if got.key == key]
        assert versions == [1, 2, 3, 4][: 4 if number < 2 else 3]


@kafka
@pytest.mark.postgres
async def test_a_slow_event_holds_only_its_own_key_up_and_is_not_committed_before_its_end(
    topic: str, database: Database
) -> None:
    slow, quick = uuid.uuid4(), [uuid.uuid4() for _ in range(20)]
    seen: list[tuple[uuid.UUID, int]] = []
    release = asyncio.Event()

    async def handle(got: Event, _: OrderConfirmed) -> None:
        if got.key == slow and got.version == 1:
            await release.wait()
        seen.append((got.key, got.version))

    reader = Reader(topic, database, handle)
    await reader.publish(event(topic, slow, 1), event(topic, slow, 2), *(event(topic, key) for key in quick))
    async with reader.running():
        await eventually(lambda: len(seen) == 20)
        assert slow not in {key for key, _ in seen}
        release.set()
        await eventually(lambda: len(seen) == 22)
    assert [version for key, version in seen if key == slow] == [1, 2]


@kafka
@pytest.mark.postgres
async def test_poison_is_parked_with_what_follows_of_its_key_and_the_rest_goes_on(
    topic: str, database: Database
) -> None:
    good, bad, other = event(topic), event(topic), event(topic, coordination="SYNC")
    behind = event(topic, bad.key, 2)
    seen: list[uuid.UUID] = []
    attempts = 0

    async def handle(got: Event, _: OrderConfirmed) -> None:
        nonlocal attempts
        if got.event_id == bad.event_id:
            raise Problem("refused", "ILLEGAL_TRANSITION", "not in this state")
        if got.event_id == good.event_id:
            attempts += 1
            if attempts < 3:
                raise unavailable("database", "away")
        seen.append(got.event_id)

    reader = Reader(topic, database, handle, "CHOREOGRAPHY")
    await reader.publish(other, bad, behind, good)
    async with reader.running():
        await eventually(lambda: len(seen) == 1 and reader.dispatcher.counts["dead"] == 2)
        letters = await reader.letters.page(False, None, 10)
    assert (seen, attempts) == ([good.event_id], 3)
    assert [(letter.cause.reason, letter.cause.attempts) for letter in letters] == [
        ("ILLEGAL_TRANSITION", 1),
        ("BEHIND_DEAD_LETTER", 0),
    ]
    told = read_all(f"{topic}.dlq", 2)
    assert [dict(record.headers())["dlq-reason"] for record in told] == [
        b"ILLEGAL_TRANSITION",
        b"BEHIND_DEAD_LETTER",
    ]
    assert told[0].value() == bad.payload


def read_all(topic: str, count: int) -> list[Any]:
    """The first records of a topic."""
    consumer: Any = KafkaConsumer(
        {
            "bootstrap.servers": os.environ[KAFKA],
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    found: list[Any] = []
    while len(found) < count:
        found += consumer.consume(count - len(found), 5.0)
    consumer.close()
    return found


@kafka
@pytest.mark.postgres
async def test_a_record_that_is_as_large_as_kafka_takes_is_set_aside_and_the_rest_goes_on(
    topic: str, database: Database
) -> None:
    """There is no room for the cause beside it in the dead letter topic."""
    good, bad = event(topic), event(topic)
    seen: list[uuid.UUID] = []

    async def handle(got: Event, _: OrderConfirmed) -> None:
        seen.append(got.event_id)

    reader = Reader(topic, database, handle)
    foreign: Any = Producer({"bootstrap.servers": os.environ[KAFKA], "message.max.bytes": 2_000_000})
    foreign.produce(topic, key=str(bad.key), value=b"x" * 1_048_000, headers=headers(bad))
    assert foreign.flush(10) == 0
    await reader.publish(good)
    async with reader.running():
        await eventually(lambda: reader.dispatcher.counts == {"applied": 1, "dead": 1})
    assert seen == [good.event_id]
    (letter,) = await reader.letters.page(False, None, 10)
    assert (letter.cause.reason, len(letter.record.value or b"")) == ("MALFORMED", 1_048_000)
    (told,) = read_all(f"{topic}.dlq", 1)
    assert dict(told.headers())["dlq-id"].decode() == str(letter.dead_letter_id)


class WithOddHeader:
    """What the library hands over when the name of a header is no text."""

    topic, partition, offset = (lambda _: "t"), (lambda _: 1), (lambda _: 7)
    key, value = (lambda _: b"k"), (lambda _: b"v")

    def headers(self) -> Any:
        return b"\xff".decode()


def test_a_header_whose_name_is_no_text_does_not_end_the_consumer() -> None:
    record = _record(WithOddHeader())
    assert record == Record("t", 1, 7, b"k", b"v", ())
    with pytest.raises(RecordUnusable) as caught:
        from_record(record)
    assert caught.value.reason == "ENVELOPE_INVALID"


async def test_a_broker_that_is_not_there_is_unavailable() -> None:
    publisher = Publisher("127.0.0.1:1", "test")
    publisher._settings["delivery.timeout.ms"] = 500
    publisher._settings["socket.timeout.ms"] = 400
    with pytest.raises(Problem) as caught:
        await publisher.publish(event())
    publisher.close()
    assert caught.value.details["dependency"] == "kafka"
