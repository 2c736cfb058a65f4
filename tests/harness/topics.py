"""Speaks to the broker of the suite under test as a foreign program would: any record, any offset."""

from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from ops.suite import Suite

SECONDS = 15.0


def produce(
    suite: Suite, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    """Append one record; returns when the broker has it."""
    # the partitioner of docs/wire.md: another one would put the same key elsewhere
    settings = {"bootstrap.servers": suite.address("kafka"), "acks": "all", "partitioner": "murmur2_random"}
    producer: Any = Producer(settings)
    failed: list[object] = []
    producer.produce(topic, key=key, value=value, headers=headers, on_delivery=lambda e, _: failed.append(e))
    producer.flush(SECONDS)
    assert failed == [None], failed


def behind(suite: Suite, group: str) -> int:
    """How many records a group has not committed yet, of the partitions that it has read from."""
    admin = _admin(suite)
    places = _read_places(admin, group)
    ends = admin.list_offsets({TopicPartition(at.topic, at.partition): OffsetSpec.latest() for at in places})
    last = {(at.topic, at.partition): found.result(SECONDS).offset for at, found in ends.items()}
    return sum(last[at.topic, at.partition] - max(at.offset, 0) for at in places)


def rewind(suite: Suite, group: str) -> None:
    """Set a group without members back to the beginning of the partitions that it has read from."""
    admin = _admin(suite)  # held: a client that nobody holds is closed with its request under way
    places = [TopicPartition(at.topic, at.partition, 0) for at in _read_places(admin, group)]
    done = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
    for at in done[group].result(SECONDS).topic_partitions:
        assert at.error is None, at


def _read_places(admin: Any, group: str) -> list[TopicPartition]:
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    return list(asked[group].result(SECONDS).topic_partitions)


def members(suite: Suite, group: str) -> int:
    """How many members a group has now."""
    admin = _admin(suite)
    found = admin.describe_consumer_groups([group])[group].result(SECONDS)
    return len(found.members)


def _admin(suite: Suite) -> Any:
    return AdminClient({"bootstrap.servers": suite.address("kafka"), "log_level": 0})
