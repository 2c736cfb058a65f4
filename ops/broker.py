"""What the operator's tools ask the broker: partitions, their ends, and how far the groups have come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from ops.errors import SuiteError

SECONDS = 5.0
Place = tuple[str, int]
"""A topic and the number of one of its partitions."""


class Broker:
    """Asks one broker; every call raises SuiteError when it does not answer."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._admin: Any = AdminClient(
            {"bootstrap.servers": address, "log_level": 0, "socket.connection.setup.timeout.ms": 2_000}
        )

    def partitions(self, topics: Sequence[str]) -> list[Place]:
        """Every partition of these topics; SuiteError names the topics that are not there."""
        with self._answering():
            there = self._admin.list_topics(timeout=SECONDS).topics
        if missing := [topic for topic in topics if topic not in there or not there[topic].partitions]:
            raise SuiteError(f"no such topic: {', '.join(missing)}; `make up` makes what is missing")
        return [(topic, number) for topic in topics for number in sorted(there[topic].partitions)]

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The offset of the next record of each partition."""
        return self._offsets(places, OffsetSpec.latest())

    def beginnings(self, places: Iterable[Place]) -> dict[Place, int]:
        """The offset of the first record that is still there."""
        return self._offsets(places, OffsetSpec.earliest())

    def groups(self) -> list[str]:
        """The consumer groups that the broker knows."""
        with self._answering():
            found = self._admin.list_consumer_groups(request_timeout=SECONDS).result(SECONDS)
        return sorted(group.group_id for group in found.valid)

    def committed(self, group: str) -> dict[Place, int]:
        """How far a group has come, for each partition in which it has committed."""
        asked = ConsumerGroupTopicPartitions(group)
        with self._answering():
            answers = self._admin.list_consumer_group_offsets([asked], request_timeout=SECONDS)
            found = answers[group].result(SECONDS).topic_partitions
        return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}

    def behind(self, topics: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], int]:
        """How many records each group, given with the topics that it reads, still has before it; by group and
        topic. A group reads what it has committed in, too.
        """
        committed = {group: self.committed(group) for group in topics}
        read = {
            group: sorted({*names, *(topic for topic, _ in committed[group])})
            for group, names in topics.items()
        }
        places = self.partitions(sorted({topic for names in read.values() for topic in names}))
        ends, first = self.ends(places), self.beginnings(places)
        left: Counter[tuple[str, str]] = Counter()
        for group, names in read.items():
            for place in places:
                if place[0] in names:
                    left[group, place[0]] += max(0, ends[place] - committed[group].get(place, first[place]))
        return dict(left)

    def _offsets(self, places: Iterable[Place], which: Any) -> dict[Place, int]:
        asked = {TopicPartition(*place): which for place in places}
        if not asked:
            return {}
        with self._answering():
            answers = self._admin.list_offsets(asked, request_timeout=SECONDS)
            return {(at.topic, at.partition): found.result(SECONDS).offset for at, found in answers.items()}

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (KafkaException, TimeoutError) as error:
            cause = error.args[0].name() if isinstance(error, KafkaException) else "it took too long"
            raise SuiteError(
                f"the broker at {self.address} does not answer ({cause}); see `make status`"
            ) from error
