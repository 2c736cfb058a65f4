"""The topics of the suite, made with explicit settings as soon as the broker is ready.

Partition counts are fixed: more of them would move keys, and the order of a key's events with them. Topics of
events are kept for ever, for whoever reads history from the beginning; dead letters for a month.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from ops.errors import SuiteError
from ops.site import Site

EVENTS = (
    "ordermesh.orders.v1",
    "ordermesh.inventory.v1",
    "ordermesh.payments.v1",
    "ordermesh.notifications.v1",
    "ordermesh.shipping.v1",
)
PARTITIONS = 6
REPLICAS = 1  # the suite has one broker
SECONDS = 15.0
MONTH_MS = 30 * 24 * 3600 * 1000

_ALL = {"cleanup.policy": "delete", "min.insync.replicas": "1", "max.message.bytes": "1048576"}


def wanted() -> dict[str, tuple[int, Mapping[str, str]]]:
    """Every topic: how many partitions, which settings."""
    events: dict[str, tuple[int, Mapping[str, str]]]
    events = {topic: (PARTITIONS, _ALL | {"retention.ms": "-1"}) for topic in EVENTS}
    return events | {f"{topic}.dlq": (1, _ALL | {"retention.ms": str(MONTH_MS)}) for topic in EVENTS}


def provision(site: Site) -> None:
    """Make the missing topics; harmless when repeated. SuiteError names what could not be made."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient, NewTopic

    admin: Any = AdminClient({"bootstrap.servers": site.address("kafka"), "log_level": 0})
    try:
        there = admin.list_topics(timeout=SECONDS).topics
        missing = [
            NewTopic(name, partitions, REPLICAS, config=dict(settings))
            for name, (partitions, settings) in wanted().items()
            if name not in there
        ]
        for made in admin.create_topics(missing).values() if missing else ():
            made.result(SECONDS)
    except (KafkaException, TimeoutError) as error:
        raise SuiteError(f"the topics could not be made: {error}") from error


def wait_for_readers(site: Site, groups: Iterable[str], seconds: float) -> None:
    """Return when every group reads, or the time is over: a service is healthy without its events, but the
    first order of a fresh suite would wait for them.
    """
    from confluent_kafka.admin import AdminClient

    admin: Any = AdminClient({"bootstrap.servers": site.address("kafka"), "log_level": 0})
    until, left = time.monotonic() + seconds, list(groups)
    while left and time.monotonic() < until:
        asked = admin.describe_consumer_groups(left)
        left = [group for group in left if not _reads(asked[group])]
        if left:
            time.sleep(0.1)  # a bounded poll of the broker's own answer


def _reads(asked: Any) -> bool:
    """Whether some member of a group has partitions; a group that nobody has joined yet is an error."""
    from confluent_kafka import KafkaException

    try:
        members = asked.result(SECONDS).members
    except (KafkaException, TimeoutError):
        return False
    return any(member.assignment.topic_partitions for member in members)
