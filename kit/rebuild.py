"""Lets a consumer begin anew: its offsets go back to the beginning, and what it has built is cleared.

To be run while no instance of the service runs. It may be interrupted anywhere, and repeated. The offsets are
first: if nothing else happens, the inbox finds that all has been done. The other way round the service would
go on at the end of its topics with nothing behind it. They are set back once more before the cleared tables
are committed: an instance that came in between has moved them, and while one is there the broker refuses.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypedDict

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from kit.errors import Problem

EMPTY_SECONDS = 30.0
"""How long members are waited for; a killed one is noticed after the session timeout."""
CALL_SECONDS = 10.0
_NOT_EMPTY = (KafkaError.NON_EMPTY_GROUP, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS)


class History(TypedDict):
    """What a group has to read again: how many records, and the end of each partition of each topic."""

    group: str
    records: int
    ends: dict[str, dict[str, int]]


class GroupNotEmpty(Exception):
    """An instance of the service is running."""


def main(work: Coroutine[Any, Any, History]) -> None:
    """Print the history as one line of JSON, or what went wrong as a sentence; then the exit code is 1."""
    try:
        print(json.dumps(asyncio.run(work)))
    except (GroupNotEmpty, KafkaException, Problem) as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from error


async def begin_anew(
    bootstrap: str,
    group: str,
    topics: Sequence[str],
    cleared: Callable[[], AbstractAsyncContextManager[None]],
) -> History:
    """Set the group back and clear the tables. `cleared` is a transaction in which they are empty and locked;
    it is committed when its block ends well. Raises GroupNotEmpty, KafkaException.
    """
    admin: Any = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    begins = await asyncio.to_thread(_offsets, admin, topics, OffsetSpec.earliest())
    await asyncio.to_thread(set_back, admin, group, begins, EMPTY_SECONDS)
    async with cleared():
        await asyncio.to_thread(set_back, admin, group, begins, 0)
    ends = await asyncio.to_thread(_offsets, admin, topics, OffsetSpec.latest())
    history = History(group=group, records=0, ends={topic: {} for topic in topics})
    for begin, end in zip(begins, ends, strict=True):
        history["records"] += end.offset - begin.offset
        history["ends"][end.topic][str(end.partition)] = end.offset
    return history


def set_back(admin: Any, group: str, places: list[TopicPartition], seconds: float) -> None:
    """Commit these offsets for the group. The broker takes them from outside only while it has no member,
    which is waited for. Raises GroupNotEmpty.
    """
    until = time.monotonic() + seconds
    while (error := _refusal(admin, group, places)) is not None:
        if error.code() not in _NOT_EMPTY:
            raise KafkaException(error)
        if time.monotonic() >= until:
            raise GroupNotEmpty(f"the group {group} has members: stop every instance of the service, repeat")
        time.sleep(0.1)


def _refusal(admin: Any, group: str, places: list[TopicPartition]) -> KafkaError | None:
    """Why the broker does not take the offsets; it may say so of the group or of a partition."""
    wanted = [ConsumerGroupTopicPartitions(group, places)]
    try:
        asked = admin.alter_consumer_group_offsets(wanted, request_timeout=CALL_SECONDS)
        taken = asked[group].result(CALL_SECONDS)
    except KafkaException as error:
        return error.args[0]
    return next((place.error for place in taken.topic_partitions if place.error is not None), None)


def _offsets(admin: Any, topics: Sequence[str], spec: OffsetSpec) -> list[TopicPartition]:
    """One offset of every partition, in a fixed order."""
    known = admin.list_topics(timeout=CALL_SECONDS).topics
    places = [TopicPartition(topic, number) for topic in topics for number in sorted(known[topic].partitions)]
    asked = admin.list_offsets(dict.fromkeys(places, spec), request_timeout=CALL_SECONDS)
    return [TopicPartition(p.topic, p.partition, asked[p].result(CALL_SECONDS).offset) for p in places]
