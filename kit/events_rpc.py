"""The EventsService of a service: what waits to be sent, what its consumers did, and its dead letters."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kit import call, pages
from kit.deadletters import DeadLetter
from kit.dispatch import Dispatcher, cause_of
from kit.errors import access_denied
from kit.outbox import Relay
from ordermesh.events.v1 import events_pb2, events_service_pb2_grpc
from ordermesh.events.v1 import events_service_pb2 as pb

MAX_PAGE_BYTES = 3 * 1024 * 1024
"""gRPC clients take 4 MiB; a page of large records is shorter than was asked for."""


class EventsServicer(events_service_pb2_grpc.EventsServiceServicer):
    """Serves ordermesh.events.v1.EventsService."""

    def __init__(self, relay: Relay | None, dispatcher: Dispatcher | None) -> None:
        self._relay = relay
        self._dispatcher = dispatcher

    async def GetEventFlow(self, request: pb.GetEventFlowRequest, context: Any) -> pb.GetEventFlowResponse:
        """Read how events go through."""
        unsent, age = await self._relay.lag() if self._relay is not None else (0, 0.0)
        answer = pb.GetEventFlowResponse(unsent=unsent, oldest_unsent_seconds=age)
        if (dispatcher := self._dispatcher) is not None:
            answer.consumers.add(
                consumer=dispatcher.subscription.group,
                topics=dispatcher.subscription.topics,
                parked=await dispatcher.dead_letters.parked(),
                **{
                    name: dispatcher.counts[name]
                    for name in ("applied", "repeated", "skipped", "dead", "stale")
                },
            )
        return answer

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, context: Any
    ) -> pb.ListDeadLettersResponse:
        """List what was set aside."""
        size, scope = pages.size(request.page_size), f"ListDeadLetters {request.settled}"
        cursor = pages.decode(request.page_token, scope, parts=4)
        found: list[DeadLetter] = []
        if self._dispatcher is not None:
            letters = self._dispatcher.dead_letters
            found = await letters.page(request.settled, _position(cursor), size + 1)
        shown = _that_fit(found[:size])
        answer = pb.ListDeadLettersResponse(dead_letters=[_on_the_wire(letter) for letter in shown])
        if len(found) > len(shown):
            record = shown[-1].record
            place = [record.topic, (record.key or b"").hex(), str(record.partition), str(record.offset)]
            answer.next_page_token = pages.encode(place, scope)
        return answer

    async def RedriveDeadLetters(
        self, request: pb.RedriveDeadLettersRequest, context: Any
    ) -> pb.RedriveDeadLettersResponse:
        """Handle the parked records of a key again, in their order."""
        dispatcher, letter = await self._find(UUID(request.dead_letter_id))
        dead_letters = dispatcher.dead_letters
        place = (letter.record.topic, letter.record.key)
        redriven, reason = 0, ""
        while (first := await dead_letters.first(place)) is not None:
            try:
                await dispatcher.apply(first.record)
            except Exception as error:
                cause = cause_of(error, 1)
                await dead_letters.failed_again(first, cause)
                reason = cause.reason
                break
            await dead_letters.settle(first, "REDRIVEN", call.caller().user_id)
            redriven += 1
        parked = await dead_letters.parked(place)
        return pb.RedriveDeadLettersResponse(redriven=redriven, parked=parked, reason=reason)

    async def DropDeadLetter(
        self, request: pb.DropDeadLetterRequest, context: Any
    ) -> pb.DropDeadLetterResponse:
        """Give one record up."""
        dispatcher, letter = await self._find(UUID(request.dead_letter_id))
        dropped = await dispatcher.dead_letters.settle(letter, "DROPPED", call.caller().user_id)
        return pb.DropDeadLetterResponse(dead_letter=_on_the_wire(dropped))

    async def _find(self, dead_letter_id: UUID) -> tuple[Dispatcher, DeadLetter]:
        if self._dispatcher is None:
            raise access_denied()
        return self._dispatcher, await self._dispatcher.dead_letters.find(dead_letter_id)


def _that_fit(letters: list[DeadLetter]) -> list[DeadLetter]:
    """As many as an answer holds, at least one: a single record is smaller than Kafka's limit."""
    room = MAX_PAGE_BYTES
    for number, letter in enumerate(letters):
        record = letter.record
        room -= len(record.key or b"") + len(record.value or b"")
        room -= sum(len(name) + len(value or b"") for name, value in record.headers)
        if room < 0 and number:
            return letters[:number]
    return letters


def _position(cursor: list[str]) -> tuple[str, str, int, int] | None:
    if not cursor:
        return None
    try:
        bytes.fromhex(cursor[1])
        partition, offset = int(cursor[2]), int(cursor[3])
    except ValueError as error:
        raise pages.invalid() from error
    if not (0 <= partition < 2**31 and 0 <= offset < 2**63):
        raise pages.invalid()
    return cursor[0], cursor[1], partition, offset


def _on_the_wire(letter: DeadLetter) -> events_pb2.DeadLetter:
    record, cause = letter.record, letter.cause
    message = events_pb2.DeadLetter(
        dead_letter_id=str(letter.dead_letter_id),
        consumer=letter.consumer,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode("utf-8", "replace"),
        reason=cause.reason,
        error=cause.error,
        attempts=cause.attempts,
        state=events_pb2.DeadLetterState.Value(f"DEAD_LETTER_STATE_{letter.state}"),
        settled_by=str(letter.settled_by or ""),
        headers=[events_pb2.RecordHeader(name=name, value=value) for name, value in record.headers],
        value=record.value or b"",
    )
    message.create_time.FromDatetime(letter.create_time)
    if letter.settle_time is not None:
        message.settle_time.FromDatetime(letter.settle_time)
    return message
