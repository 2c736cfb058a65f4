"""`make rebuild`: lets a service build its read model anew from the events, from the first one on.

The service itself knows how: `services/<name>/rebuild.py` sets its consumer group back and clears its tables.
Here it is stopped before, started after, and waited for. All of it may be interrupted anywhere and repeated.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from ops import control, plans, storage, topology
from ops.errors import SuiteError
from ops.site import Site
from ops.suite import Suite

STUCK_SECONDS = 60.0
"""A group that commits nothing for so long is given up."""
CALL_SECONDS = 10.0
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class History:
    """What a group has to read: how many records, and the end of each (topic, partition)."""

    group: str
    records: int
    ends: Mapping[tuple[str, int], int]


def rebuild(suite_name: str, part: str, console: Console) -> int:
    """Build a part's read model anew."""
    began, suite = time.monotonic(), control.named(suite_name, part)
    if part not in (able := rebuildable(suite.site)):
        raise SuiteError(f"{part} builds nothing from events that could be built anew; S=… is one of: {able}")
    suite.stop(part)
    try:
        history = forget(suite, part)
    finally:
        suite.start(part)
    suite.wait_ready(part)
    started = time.monotonic()
    wait_until_read(suite, part, history)
    reading, all_of_it = time.monotonic() - started, time.monotonic() - began
    console.print(
        f"{part} is rebuilt: {history.records} events, read in {reading:.1f} s, {all_of_it:.1f} s in all."
    )
    return 0


def rebuildable(site: Site) -> str:
    """The services that can be built anew."""
    found = [
        name for name, folder in topology.FOLDERS.items() if (site.root / folder / "rebuild.py").exists()
    ]
    return ", ".join(found)


def forget(suite: Suite, part: str) -> History:
    """Let a stopped service set itself back, in its own environment; what it has to read again."""
    module = topology.FOLDERS[part].replace("/", ".")
    environment = {
        **plans.base_environment(suite.site, os.environ),
        **suite.part(part).environment,
        **storage.read_override(suite.site, part),
    }
    done = subprocess.run(
        [str(suite.site.python), "-m", f"{module}.rebuild"],
        cwd=suite.site.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-15:])
        raise SuiteError(f"{part} was not set back:\n{tail}")
    said = json.loads(done.stdout)
    ends = {(topic, int(n)): end for topic, parts in said["ends"].items() for n, end in parts.items()}
    return History(said["group"], said["records"], ends)


def wait_until_read(suite: Suite, part: str, history: History) -> None:
    """Wait until the group has committed every end; SuiteError if it comes no further."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": suite.address("kafka"), "log_level": 0})
    hope, left, moved = suite.hope(part), history.records, time.monotonic()
    while (now := unread(admin, history)) > 0:
        if now < left:
            left, moved = now, time.monotonic()
        reason = hope()
        if reason or time.monotonic() - moved > STUCK_SECONDS:
            why = reason or f"nothing was read for {STUCK_SECONDS:.0f} s"
            raise SuiteError(f"{part} has {now} events to read, and {why}; see `make logs S={part}`")
        time.sleep(LOOK_SECONDS)


def unread(admin: Any, history: History) -> int:
    """How many records the group has not committed yet."""
    from confluent_kafka import ConsumerGroupTopicPartitions

    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(history.group)])
    places = asked[history.group].result(CALL_SECONDS).topic_partitions
    done = {(place.topic, place.partition): max(place.offset, 0) for place in places}
    return sum(max(end - done.get(place, 0), 0) for place, end in history.ends.items())
