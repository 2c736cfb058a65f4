"""Events over a real Kafka: once each, in order per key, whatever is delivered again."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from kit.consumer import Consumer, Poison, Record, Subscription
from kit.errors import Problem, unavailable
from kit.events import EnvelopeInvalid, Event, from_record, headers
from kit.kafka import Publisher
from ordermesh.orders.v1.orders_events_pb2 import OrderConfirmed

TYPE = "ordermesh.orders.v1.OrderConfirmed"
kafka = pytest.mark.kafka


def event(topic: str = "t", key: uuid.UUID | None = None, version: int = 1, **changes: str) -> Event:
    key = key or uuid.uuid4()
    payload = OrderConfirmed(order_id=str(key)).SerializeToString()
    known = {"type": TYPE, "coordination": "CHOREOGRAPHY", "traceparent": "", **changes}
    now = datetime.now(UTC)
    return Event(
        event_id=uuid.uuid4(), topic=topic, key=key, version=version, time=now, payload=payload, **known
    )


def test_an_event_comes_back_as_it_went() -> None:
    sent = event(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert from_record(sent.topic, str(sent.key).encode(), sent.payload, headers(sent)) == sent


@pytest.mark.parametrize(
    "name", ["ce_id", "ce_type", "ce_subject", "ce_time", "ce_specversion", "content-type"]
)
def test_a_record_without_a_header_is_refused_by_its_name(name: str) -> None:
    sent = event()
    left = [(key, value) for key, value in headers(sent) if key != name]
    with pytest.raises(EnvelopeInvalid, match=name):
        from_record(sent.topic, str(sent.key).encode(), sent.payload, left)


def test_a_key_that_is_not_the_aggregate_is_refused() -> None:
    sent = event()
    with pytest.raises(EnvelopeInvalid, match="key"):
        from_record(sent.topic, b"another", sent.payload, headers(sent))


@pytest.fixture
async def topic() -> AsyncIterator[str]:
    name = f"test.{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": os.environ["ORDERMESH_TEST_KAFKA"]})
    admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)])[name].result(10)
    yield name
    admin.delete_topics([name])[name].result(10)


async def no_poison(record: Record, reason: str, text: str) -> None:
    raise AssertionError(f"nothing here is poison, but: {reason} {text}")


async def consume(subscription: Subscription, until: asyncio.Event, poison: Poison = no_poison) -> None:
    consumer = Consumer(os.environ["ORDERMESH_TEST_KAFKA"], subscription, poison)
    running = asyncio.create_task(consumer.run())
    try:
        await asyncio.wait_for(until.wait(), 30)
    finally:
        consumer.stop()
        await running


@kafka
async def test_events_arrive_in_order_per_key_and_a_new_member_goes_on_behind_them(topic: str) -> None:
    publisher = Publisher(os.environ["ORDERMESH_TEST_KAFKA"], "test")
    keys = [uuid.uuid4() for _ in range(5)]
    sent = [event(topic, key, version) for version in (1, 2, 3) for key in keys]
    for each in sent:
        await publisher.publish(each)
    seen: list[Event] = []
    for count, extra in ((15, 0), (17, 2)):
        for number in range(extra):
            await publisher.publish(event(topic, keys[number], 4))
        done = asyncio.Event()

        async def handle(got: Event, done: asyncio.Event = done, count: int = count) -> None:
            seen.append(got)
            if len(seen) == count:
                done.set()

        await consume(Subscription(f"g-{topic}", [topic], {TYPE: handle}), done)
    for number, key in enumerate(keys):
        versions = [got.version for got in seen if got.key == key]
        assert versions == [1, 2, 3, 4][: 4 if number < 2 else 3]
    publisher.close()


@kafka
async def test_poison_is_put_aside_and_the_rest_goes_on(topic: str) -> None:
    publisher = Publisher(os.environ["ORDERMESH_TEST_KAFKA"], "test")
    good, bad, other = event(topic), event(topic), event(topic, coordination="SYNC")
    seen: list[uuid.UUID] = []
    poisoned: list[str] = []
    done = asyncio.Event()
    attempts = 0

    def told() -> None:
        """The two stand in different partitions, so either may come last."""
        if seen and poisoned:
            done.set()

    async def handle(got: Event) -> None:
        nonlocal attempts
        if got.event_id == bad.event_id:
            raise Problem("refused", "ILLEGAL_TRANSITION", "not in this state")
        attempts += 1
        if attempts < 3:
            raise unavailable("database", "away")
        seen.append(got.event_id)
        told()

    async def poison(record: Record, reason: str, text: str) -> None:
        poisoned.append(reason)
        told()

    for each in (other, bad, good):
        await publisher.publish(each)
    choreography = frozenset({"CHOREOGRAPHY"})
    await consume(Subscription(f"g-{topic}", [topic], {TYPE: handle}, choreography), done, poison)
    assert (seen, poisoned, attempts) == ([good.event_id], ["ILLEGAL_TRANSITION"], 3)
    publisher.close()


async def test_a_broker_that_is_not_there_is_unavailable() -> None:
    publisher = Publisher("127.0.0.1:1", "test")
    publisher._settings["delivery.timeout.ms"] = 500
    publisher._settings["socket.timeout.ms"] = 400
    with pytest.raises(Problem) as caught:
        await publisher.publish(event())
    publisher.close()
    assert caught.value.details["dependency"] == "kafka"
