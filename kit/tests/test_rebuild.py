"""A consumer is set back to the beginning, on a real Kafka, and only while nobody consumes."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kit import rebuild
from kit.rebuild import GroupNotEmpty, begin_anew

pytestmark = pytest.mark.kafka
RECORDS = 7


@pytest.fixture
def address() -> str:
    return os.environ["ORDERMESH_TEST_KAFKA"]


@pytest.fixture
async def topic(address: str) -> AsyncIterator[str]:
    """A topic of three partitions with a few records."""
    name = f"test.{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(name, 3, 1)])[name].result(10)
    producer: Any = Producer({"bootstrap.servers": address})
    for number in range(RECORDS):
        producer.produce(name, value=b"x", partition=number % 3)
    producer.flush(10)
    yield name
    admin.delete_topics([name])[name].result(10)


@contextmanager
def member(address: str, group: str, topic: str) -> Iterator[Any]:
    """An instance of the service, that has its partitions."""
    consumer: Any = Consumer(
        {
            "bootstrap.servers": address, "group.id": group, "group.protocol": "consumer",
            "enable.auto.commit": False, "auto.offset.reset": "earliest",
        }
    )  # fmt: skip
    consumer.subscribe([topic])
    try:
        yield consumer
    finally:
        consumer.close()


def read_all(consumer: Any) -> int:
    """Read and commit until all records have come; how many did within the time."""
    until, read = time.monotonic() + 20, 0
    while read < RECORDS and time.monotonic() < until:
        message = consumer.poll(0.1)
        read += message is not None and message.error() is None
    consumer.commit(asynchronous=False)
    return read


def committed(address: str, group: str) -> int:
    """The sum of the group's offsets."""
    admin: Any = AdminClient({"bootstrap.servers": address})
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    return sum(place.offset for place in asked[group].result(10).topic_partitions)


class Tables:
    """What is cleared, and where the group stood then."""

    def __init__(self, address: str, group: str) -> None:
        self.address, self.group = address, group
        self.cleared: list[int] = []

    @asynccontextmanager
    async def clear(self) -> AsyncIterator[None]:
        found = await asyncio.to_thread(committed, self.address, self.group)
        yield
        self.cleared.append(found)


async def test_a_group_reads_everything_again_and_is_set_back_before_the_tables_are_cleared(
    address: str, topic: str
) -> None:
    group = f"test-{uuid.uuid4().hex}"
    tables = Tables(address, group)
    for _ in range(2):
        with member(address, group, topic) as consumer:
            assert await asyncio.to_thread(read_all, consumer) == RECORDS
        assert committed(address, group) == RECORDS
        history = await begin_anew(address, group, [topic], tables.clear)
        assert history == {"group": group, "records": RECORDS, "ends": {topic: {"0": 3, "1": 2, "2": 2}}}
        assert committed(address, group) == 0
    assert tables.cleared == [0, 0]


async def test_a_group_that_never_was_begins_at_the_beginning(address: str, topic: str) -> None:
    group = f"test-{uuid.uuid4().hex}"
    await begin_anew(address, group, [topic], Tables(address, group).clear)
    with member(address, group, topic) as consumer:
        assert await asyncio.to_thread(read_all, consumer) == RECORDS


async def test_nothing_is_cleared_while_somebody_consumes(
    address: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "EMPTY_SECONDS", 0.3)
    group = f"test-{uuid.uuid4().hex}"
    tables = Tables(address, group)
    with member(address, group, topic) as consumer:
        await asyncio.to_thread(read_all, consumer)
        with pytest.raises(GroupNotEmpty, match=group):
            await begin_anew(address, group, [topic], tables.clear)
        assert tables.cleared == []
        assert committed(address, group) == RECORDS
    await begin_anew(address, group, [topic], tables.clear)
    assert tables.cleared == [0]


async def test_somebody_who_came_while_the_tables_were_cleared_is_found(address: str, topic: str) -> None:
    group = f"test-{uuid.uuid4().hex}"
    tables = Tables(address, group)
    with ExitStack() as stack:

        @asynccontextmanager
        async def clear() -> AsyncIterator[None]:
            async with tables.clear():
                consumer = stack.enter_context(member(address, group, topic))
                assert await asyncio.to_thread(read_all, consumer) == RECORDS
                yield

        with pytest.raises(GroupNotEmpty):
            await begin_anew(address, group, [topic], clear)
    assert tables.cleared == [], "its transaction is not committed"
    await begin_anew(address, group, [topic], tables.clear)
    assert committed(address, group) == 0
