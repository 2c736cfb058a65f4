"""What a consumer does with one record: skip it, apply it, repeat it while something is away, set it aside.

A record that cannot be used goes to the dead letters, with every later one of its key behind it, so that the
order of a key holds; the partition moves on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import protovalidate
from google.protobuf.message import DecodeError, Message

from kit import telemetry
from kit.deadletter_topic import Cause
from kit.deadletters import DeadLetters
from kit.errors import CallerVisible
from kit.events import Event, Record, RecordUnusable, from_record, type_of
from kit.inbox import AlreadyApplied, Stale
from kit.logs import log
from kit.validation import problem_of

RETRY_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
HANDLER_TRIES = 3
"""A handler that fails without saying why is given up after so many; a bug does not mend itself."""
BEHIND = Cause("BEHIND_DEAD_LETTER", "an earlier record of this key was set aside", 0)

Handler = Callable[[Event, Any], Awaitable[None]]
"""Takes the envelope and the decoded, valid message; raises AlreadyApplied if it was heard before, and
Stale if a consumer that goes by versions is further already."""


@dataclass(frozen=True)
class Reaction:
    """One type of event that matters: in which coordinations (none: in all), and what is done about it."""

    message: type[Message]
    handler: Handler
    coordinations: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Subscription:
    """What a consumer reads: its group, its topics, its reactions; every other type is skipped."""

    group: str
    topics: Sequence[str]
    reactions: Sequence[Reaction]


class Dispatcher:
    """Takes the records of one subscription."""

    def __init__(self, subscription: Subscription, dead_letters: DeadLetters) -> None:
        self.subscription = subscription
        self.counts: Counter[str] = Counter()
        self.dead_letters = dead_letters
        self._assignments, self._known = 1, 0  # how often partitions came, and how many of those are loaded
        self._reactions = {type_of(reaction.message): reaction for reaction in subscription.reactions}

    def assigned(self) -> None:
        """Partitions have come to us: keys that another member has parked stay parked."""
        self._assignments += 1

    async def dispatch(self, record: Record) -> None:
        """Return when the record has had its effect, or is set aside."""
        while self._known < (assignments := self._assignments):
            await _until_there(self.dead_letters.load)
            self._known = max(self._known, assignments)
        if self.dead_letters.is_dropped(record):
            self.counts["skipped"] += 1
            return
        if await _until_there(lambda: self.dead_letters.park_behind(record, BEHIND)):
            self.counts["dead"] += 1
            return
        cause = await self._tried(record)
        if cause is not None:
            await _until_there(lambda: self.dead_letters.park(record, cause))
            self.counts["dead"] += 1

    async def apply(self, record: Record) -> None:
        """The effect of one record, if it has one. Raises what its handler raises, and RecordUnusable."""
        event = from_record(record)
        reaction = self._reactions.get(event.type)
        if reaction is None or (reaction.coordinations and event.coordination not in reaction.coordinations):
            self.counts["skipped"] += 1
            return
        with _traced(event):
            await self._apply(reaction, event)

    async def _apply(self, reaction: Reaction, event: Event) -> None:
        try:
            await reaction.handler(event, _decoded(event, reaction.message))
            self.counts["applied"] += 1
        except AlreadyApplied:
            self.counts["repeated"] += 1
        except Stale:
            self.counts["stale"] += 1

    async def _tried(self, record: Record) -> Cause | None:
        """None when it is applied; else why it never will be. What is away is waited for, however long."""
        attempt = failures = 0
        while True:
            attempt += 1
            try:
                await self.apply(record)
                return None
            except RecordUnusable as error:
                return Cause(error.reason, str(error), attempt)
            except Exception as error:
                seen = isinstance(error, CallerVisible)
                if not (isinstance(error, CallerVisible) and error.kind in ("unavailable", "conflict")):
                    failures += 1
                    log().error("event_failed", topic=record.topic, offset=record.offset, exc_info=error)
                    if seen or failures == HANDLER_TRIES:
                        return cause_of(error, attempt)
            await asyncio.sleep(RETRY_PAUSES[min(attempt, len(RETRY_PAUSES)) - 1])


def _traced(event: Event) -> AbstractContextManager[None]:
    """In the trace of the event, also for what is logged of it afterwards."""
    spans = telemetry.spans()
    if spans is not None:
        return spans.processing(event)
    telemetry.accept({"traceparent": event.traceparent} if event.traceparent else {})
    return nullcontext()


def cause_of(error: Exception, attempts: int) -> Cause:
    """Why an event is set aside; the text of an unexpected exception may hold anything and is not shown."""
    if isinstance(error, RecordUnusable | CallerVisible):
        return Cause(error.reason, str(error), attempts)
    return Cause("HANDLER_FAILED", type(error).__name__, attempts)


def _decoded(event: Event, kind: type[Message]) -> Message:
    try:
        message = kind.FromString(event.payload)
    except DecodeError as error:
        raise RecordUnusable("UNDECODABLE", f"the value is no {event.type}") from error
    if violations := protovalidate.collect_violations(message):
        raise RecordUnusable("VALIDATION_FAILED", str(problem_of(violations)))
    return message


async def _until_there(work: Callable[[], Awaitable[Any]]) -> Any:
    """Do what only needs our own database, which may be away for a while."""
    attempt = 0
    while True:
        try:
            return await work()
        except Exception as error:
            attempt += 1
            log().warning("dead_letters_wait", cause=type(error).__name__)
        await asyncio.sleep(RETRY_PAUSES[min(attempt, len(RETRY_PAUSES)) - 1])
