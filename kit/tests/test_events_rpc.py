"""The EventsService through a real server: what an operator sees and does about events."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from kit import outbox
from kit.background import Background
from kit.database import Database
from kit.deadletter_topic import Cause
from kit.deadletters import DeadLetters
from kit.dispatch import BEHIND, Dispatcher, Reaction, Subscription
from kit.errors import Problem
from kit.eventing import Eventing
from kit.events import Event, Record
from kit.events_rpc import EventsServicer
from kit.pages import encode
from kit.run import App
from kit.testing.events import TABLES, Remembering, RememberingRecords, event_of, record_of
from kit.testing.postgres import scratch_url
from kit.testing.serve import Told, serving
from kit.testing.tokens import Issuer
from ordermesh.events.v1 import events_pb2, events_service_pb2_grpc
from ordermesh.events.v1 import events_service_pb2 as pb
from ordermesh.orders.v1.orders_events_pb2 import OrderConfirmed

pytestmark = pytest.mark.postgres
ISSUER = Issuer()
ADA, OLGA = uuid.uuid4(), uuid.uuid4()
BAD = Cause("HANDLER_FAILED", "KeyError", 3)
PARKED, REDRIVEN = events_pb2.DEAD_LETTER_STATE_PARKED, events_pb2.DEAD_LETTER_STATE_REDRIVEN
DROPPED = events_pb2.DEAD_LETTER_STATE_DROPPED
TOPIC = "ordermesh.orders.v1"


@dataclass
class Desk:
    """A service with a consumer of OrderConfirmed, as an operator sees it; versions in `refused` fail."""

    database: Database
    stub: Any = None
    refused: dict[int, Exception] = field(default_factory=dict)
    heard: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        subscription = Subscription("desk", [TOPIC], [Reaction(OrderConfirmed, self._handle)])
        letters = DeadLetters("desk", self.database, RememberingRecords())
        self.dispatcher = Dispatcher(subscription, letters)

    async def _handle(self, event: Event, _: Any) -> None:
        if event.version in self.refused:
            raise self.refused[event.version]
        self.heard.append(event.version)

    async def ask(self, method: str, user_id: uuid.UUID = OLGA, role: str = "operator", **fields: Any) -> Any:
        request = getattr(pb, f"{method}Request")(**fields)
        return await getattr(self.stub, method)(request, metadata=ISSUER.authorization(user_id, role))

    async def parked(self, key: uuid.UUID, *versions: int) -> list[str]:
        """Records of a key that were set aside, the first for a cause and the rest behind it; their ids."""
        for number, version in enumerate(versions):
            await self.dispatcher.dead_letters.park(confirmed(key, version), BEHIND if number else BAD)
        listed = (await self.ask("ListDeadLetters")).dead_letters
        return [letter.dead_letter_id for letter in listed if letter.key == str(key)]

    async def change(self, method: str, dead_letter_id: str) -> Any:
        return await self.ask(method, request_id=str(uuid.uuid4()), dead_letter_id=dead_letter_id)


def confirmed(order_id: uuid.UUID, version: int = 1, **changed: Any) -> Record:
    return record_of(event_of(OrderConfirmed(order_id=str(order_id)), order_id, version), **changed)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "1_events.sql").write_text(TABLES)
    async with scratch_url(tmp_path) as url:
        desk, background = Desk(Database(url, tmp_path)), Background()
        events = Eventing("desk", desk.database, "127.0.0.1:1", background)
        events.servicer = EventsServicer(events.relay, desk.dispatcher)  # its dead letters need no broker
        app = App(desk.database, ISSUER.verifier(), {}, background, events=events)
        async with serving("desk", app) as channel:
            desk.stub = events_service_pb2_grpc.EventsServiceStub(channel)
            yield desk


async def refused(call: Any) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Told(caught.value)


async def test_the_flow_shows_what_waits_and_what_the_consumer_did(desk: Desk) -> None:
    key = uuid.uuid4()
    async with desk.database.transaction() as connection:
        message = OrderConfirmed(order_id=str(key))
        await outbox.write(connection, TOPIC, key, [(1, message), (2, message)], "SYNC")
        await connection.execute("update outbox set create_time = create_time - interval '1 minute'")
    for record in (confirmed(key), confirmed(key, value=b"\xff"), confirmed(key)):
        await desk.dispatcher.dispatch(record)
    flow = await desk.ask("GetEventFlow")
    assert flow.unsent == 2
    assert flow.oldest_unsent_seconds >= 60
    (consumer,) = flow.consumers
    assert (consumer.consumer, list(consumer.topics)) == ("desk", [TOPIC])
    counts = (consumer.applied, consumer.repeated, consumer.skipped, consumer.dead, consumer.parked)
    assert counts == (1, 0, 0, 2, 2)


async def test_a_dead_letter_is_shown_as_the_record_came(desk: Desk) -> None:
    key = uuid.uuid4()
    record = confirmed(key, partition=2, offset=7)
    await desk.dispatcher.dead_letters.park(record, BAD)
    (letter,) = (await desk.ask("ListDeadLetters")).dead_letters
    where = (letter.consumer, letter.topic, letter.partition, letter.offset, letter.key)
    assert where == ("desk", TOPIC, 2, 7, str(key))
    assert (letter.reason, letter.error, letter.attempts) == (BAD.reason, BAD.error, BAD.attempts)
    assert (letter.state, letter.settled_by, letter.HasField("settle_time")) == (PARKED, "", False)
    assert tuple((header.name, header.value) for header in letter.headers) == record.headers
    assert letter.value == record.value


async def test_pages_follow_each_other_by_key_and_offset_without_gaps(desk: Desk) -> None:
    one, other = sorted([uuid.uuid4(), uuid.uuid4()], key=str)
    expected = await desk.parked(one, 1, 2, 3) + await desk.parked(other, 1, 2)
    await desk.dispatcher.dead_letters.park(no_key := confirmed(one, 9, key=None), BAD)
    seen, token = [], ""
    for size in (2, 2, 2):
        page = await desk.ask("ListDeadLetters", page_size=2, page_token=token)
        assert len(page.dead_letters) == size
        seen += [(letter.dead_letter_id, letter.offset) for letter in page.dead_letters]
        token = page.next_page_token
    assert token == ""
    assert seen[0][1] == no_key.offset
    assert [dead_letter_id for dead_letter_id, _ in seen[1:]] == expected


async def test_what_is_settled_is_listed_only_when_asked_for(desk: Desk) -> None:
    first, second = await desk.parked(uuid.uuid4(), 1, 2)
    await desk.change("DropDeadLetter", first)
    states = [
        [(letter.dead_letter_id, letter.state) for letter in page.dead_letters]
        for page in (await desk.ask("ListDeadLetters"), await desk.ask("ListDeadLetters", settled=True))
    ]
    assert states == [[(second, PARKED)], [(first, DROPPED), (second, PARKED)]]


async def test_a_page_token_is_for_the_same_list_and_not_made_up(desk: Desk) -> None:
    await desk.parked(uuid.uuid4(), 1, 2)
    token = (await desk.ask("ListDeadLetters", page_size=1)).next_page_token
    made_up = [
        encode([TOPIC, *parts], "ListDeadLetters False")
        for parts in (["no hex", "0", "1"], ["", "x", "1"], ["", "99999999999", "1"], ["", "0", "9" * 30])
    ]
    for bad in ("nonsense", *made_up):
        told = await refused(desk.ask("ListDeadLetters", page_token=bad))
        assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
    told = await refused(desk.ask("ListDeadLetters", page_token=token, settled=True))
    assert told.reason == "PAGE_TOKEN_INVALID"


async def test_a_page_of_large_records_fits_into_an_answer(desk: Desk) -> None:
    for number in range(6):
        record = confirmed(uuid.uuid4(), value=bytes([number]) * 1_000_000)
        await desk.dispatcher.dead_letters.park(record, BAD)
    seen, token = list[int](), "first"
    while token:
        page = await desk.ask("ListDeadLetters", page_token=token.removeprefix("first"))
        seen += [letter.value[0] for letter in page.dead_letters]
        token = page.next_page_token
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]


async def test_a_redrive_goes_in_order_until_one_fails_and_a_repeat_goes_on_there(desk: Desk) -> None:
    key, other = uuid.uuid4(), uuid.uuid4()
    first, _, third, _ = await desk.parked(key, 1, 2, 3, 4)
    await desk.parked(other, 7)
    desk.refused = {3: Problem("refused", "ILLEGAL_TRANSITION", "not in the state PAID")}
    answer = await desk.change("RedriveDeadLetters", third)  # any of the key names it
    assert (answer.redriven, answer.parked, answer.reason) == (2, 2, "ILLEGAL_TRANSITION")
    listed = (await desk.ask("ListDeadLetters", settled=True)).dead_letters
    (failed,) = [letter for letter in listed if letter.dead_letter_id == third]
    told = (failed.reason, failed.error, failed.attempts, failed.state)
    assert told == ("ILLEGAL_TRANSITION", "not in the state PAID", 1, PARKED)
    (done,) = [letter for letter in listed if letter.dead_letter_id == first]
    assert (done.state, done.settled_by, done.HasField("settle_time")) == (REDRIVEN, str(OLGA), True)
    desk.refused = {}
    answer = await desk.change("RedriveDeadLetters", first)
    assert (answer.redriven, answer.parked, answer.reason) == (2, 0, "")
    assert desk.heard == [1, 2, 3, 4]
    assert await desk.dispatcher.dead_letters.parked() == 1


async def test_a_failed_redrive_shows_no_text_of_an_unexpected_exception(desk: Desk) -> None:
    (only,) = await desk.parked(uuid.uuid4(), 1)
    desk.refused = {1: ValueError("tok_of_ada")}
    answer = await desk.change("RedriveDeadLetters", only)
    assert (answer.redriven, answer.parked, answer.reason) == (0, 1, "HANDLER_FAILED")
    (letter,) = (await desk.ask("ListDeadLetters")).dead_letters
    assert (letter.error, letter.attempts) == ("ValueError", BAD.attempts + 1)


async def test_after_a_drop_the_ones_behind_are_redriven(desk: Desk) -> None:
    first, second, _ = await desk.parked(uuid.uuid4(), 1, 2, 3)
    desk.refused = {1: KeyError("never")}
    dropped = (await desk.change("DropDeadLetter", first)).dead_letter
    assert (dropped.state, dropped.settled_by) == (DROPPED, str(OLGA))
    assert (await desk.change("DropDeadLetter", first)).dead_letter == dropped
    answer = await desk.change("RedriveDeadLetters", second)
    assert (answer.redriven, answer.parked, desk.heard) == (2, 0, [2, 3])


async def test_what_was_redriven_cannot_be_dropped_and_a_repeat_redrives_nothing(desk: Desk) -> None:
    (only,) = await desk.parked(uuid.uuid4(), 1)
    await desk.change("RedriveDeadLetters", only)
    told = await refused(desk.change("DropDeadLetter", only))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "DEAD_LETTER_SETTLED")
    answer = await desk.change("RedriveDeadLetters", only)
    assert (answer.redriven, answer.parked, desk.heard) == (0, 0, [1])


@pytest.mark.parametrize("method", ["RedriveDeadLetters", "DropDeadLetter"])
async def test_an_unknown_dead_letter_is_denied(desk: Desk, method: str) -> None:
    told = await refused(desk.change(method, str(uuid.uuid4())))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ACCESS_DENIED")


@pytest.mark.parametrize(
    "method", ["GetEventFlow", "ListDeadLetters", "RedriveDeadLetters", "DropDeadLetter"]
)
async def test_customers_are_refused(desk: Desk, method: str) -> None:
    (only,) = await desk.parked(uuid.uuid4(), 1)
    changes = method in ("RedriveDeadLetters", "DropDeadLetter")
    fields = {"request_id": str(uuid.uuid4()), "dead_letter_id": only} if changes else {}
    told = await refused(desk.ask(method, ADA, "customer", **fields))
    assert told.code == grpc.StatusCode.PERMISSION_DENIED
    assert await desk.dispatcher.dead_letters.parked() == 1
    assert desk.heard == []


async def test_a_service_without_a_consumer_has_no_dead_letters(desk: Desk) -> None:
    alone = EventsServicer(outbox.Relay(desk.database, Remembering(), Background()), None)
    assert (await alone.GetEventFlow(pb.GetEventFlowRequest(), None)).consumers == []
    listed = await alone.ListDeadLetters(pb.ListDeadLettersRequest(), None)
    assert (list(listed.dead_letters), listed.next_page_token) == ([], "")
    with pytest.raises(Problem):
        await alone.DropDeadLetter(pb.DropDeadLetterRequest(dead_letter_id=str(uuid.uuid4())), None)
