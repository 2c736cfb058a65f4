"""What becomes of one record: skipped, applied, repeated, tried again, or set aside with its reason."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kit.database import Database
from kit.deadletters import DeadLetter, DeadLetters
from kit.dispatch import HANDLER_TRIES, Dispatcher, Reaction, Subscription
from kit.errors import Problem, unavailable
from kit.events import MAX_VALUE_BYTES, Event, Record
from kit.inbox import AlreadyApplied, Stale
from kit.testing.events import TABLES, RememberingRecords, event_of, record_of, without_header
from kit.testing.postgres import scratch_database
from ordermesh.orders.v1.orders_events_pb2 import OrderCancelled, OrderConfirmed

pytestmark = pytest.mark.postgres
SECRET = "tok_of_ada"
TOPIC = "ordermesh.orders.v1"


@dataclass
class Bench:
    """A consumer of OrderConfirmed and OrderCancelled; what its handler does is up to the test."""

    database: Database
    sender: RememberingRecords
    handle: Callable[[Event], Awaitable[None]] | None = None
    heard: list[uuid.UUID] = field(default_factory=list)

    def dispatcher(self) -> Dispatcher:
        """One instance."""
        mine = frozenset({"CHOREOGRAPHY"})
        reactions = [Reaction(OrderConfirmed, self._heard, mine), Reaction(OrderCancelled, self._heard)]
        letters = DeadLetters("bench", self.database, self.sender)
        return Dispatcher(Subscription("bench", [TOPIC], reactions), letters)

    async def _heard(self, event: Event, _: Any) -> None:
        self.heard.append(event.event_id)
        if self.handle is not None:
            await self.handle(event)

    def fails(self, *errors: Exception) -> None:
        """Let the handler raise these, one a call, and work from then on."""
        left = list(errors)

        async def handle(_: Event) -> None:
            if left:
                raise left.pop(0)

        self.handle = handle


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr("kit.dispatch.RETRY_PAUSES", (0.001,))
    (tmp_path / "1_events.sql").write_text(TABLES)
    async with scratch_database(tmp_path) as database:
        yield Bench(database, RememberingRecords())


def confirmed(coordination: str = "CHOREOGRAPHY") -> Event:
    key = uuid.uuid4()
    return event_of(OrderConfirmed(order_id=str(key)), key, coordination=coordination)


async def letters_of(dispatcher: Dispatcher) -> list[DeadLetter]:
    return await dispatcher.dead_letters.page(True, None, 100)


async def test_an_event_is_handed_over_decoded_with_its_envelope(bench: Bench) -> None:
    seen: list[tuple[Event, Any]] = []

    async def handle(event: Event, message: Any) -> None:
        seen.append((event, message))

    reactions = [Reaction(OrderConfirmed, handle)]
    letters = DeadLetters("bench", bench.database, bench.sender)
    dispatcher = Dispatcher(Subscription("bench", [TOPIC], reactions), letters)
    sent = confirmed()
    await dispatcher.dispatch(record_of(sent))
    assert seen == [(sent, OrderConfirmed(order_id=str(sent.key)))]
    assert dispatcher.counts == {"applied": 1}


@pytest.mark.parametrize("coordination", ["SYNC", "ORCHESTRATION", "NOBODY_KNOWS"])
async def test_another_coordination_is_skipped_before_decoding_and_without_the_database(
    bench: Bench, coordination: str
) -> None:
    dispatcher = bench.dispatcher()
    await dispatcher.dispatch(record_of(confirmed()))  # the first asks which keys are parked
    await bench.database.close()
    await dispatcher.dispatch(record_of(confirmed(coordination), value=b"\xff garbage"))
    assert dispatcher.counts == {"applied": 1, "skipped": 1}


async def test_a_reaction_without_coordinations_hears_all(bench: Bench) -> None:
    dispatcher, key = bench.dispatcher(), uuid.uuid4()
    for coordination in ("SYNC", "CHOREOGRAPHY"):
        message = OrderCancelled(order_id=str(key), reason="OUT_OF_STOCK")
        await dispatcher.dispatch(record_of(event_of(message, key, coordination=coordination)))
    assert dispatcher.counts == {"applied": 2}


async def test_a_type_without_a_reaction_is_skipped(bench: Bench) -> None:
    dispatcher = bench.dispatcher()
    unknown = record_of(
        event := confirmed(),
        value=b"\xff garbage",
        headers=(*without_header(event, "ce_type"), ("ce_type", b"ordermesh.orders.v1.OrderShipped")),
    )
    await dispatcher.dispatch(unknown)
    assert dispatcher.counts == {"skipped": 1}
    assert await letters_of(dispatcher) == []


def with_header(name: str, value: str) -> Record:
    event = confirmed()
    return record_of(event, headers=(*without_header(event, name), (name, value.encode())))


UNUSABLE: dict[str, tuple[Record, str]] = {
    "no value": (record_of(confirmed(), value=None), "MALFORMED"),
    "an empty value": (record_of(confirmed(), value=b""), "MALFORMED"),
    "too long a value": (record_of(confirmed(), value=b"x" * (MAX_VALUE_BYTES + 1)), "MALFORMED"),
    "no headers": (record_of(confirmed(), headers=()), "ENVELOPE_INVALID"),
    "an id that is none": (with_header("ce_id", "7"), "ENVELOPE_INVALID"),
    "a version that is none": (with_header("ce_aggregateversion", "one"), "ENVELOPE_INVALID"),
    "a time that is none": (with_header("ce_time", "yesterday"), "ENVELOPE_INVALID"),
    "another key": (record_of(confirmed(), key=b"another"), "ENVELOPE_INVALID"),
    "no key": (record_of(confirmed(), key=None), "ENVELOPE_INVALID"),
    "another topic's type": (with_header("ce_type", "ordermesh.payments.v1.PaymentFailed"), "WRONG_TYPE"),
    "a later version": (with_header("ce_type", "ordermesh.orders.v2.OrderConfirmed"), "VERSION_TOO_NEW"),
    "bytes that are no message": (record_of(confirmed(), value=b"\xff\xff"), "UNDECODABLE"),
    "another message": (record_of(confirmed(), value=b"\x0a\x03one"), "VALIDATION_FAILED"),
}


@pytest.mark.parametrize("case", UNUSABLE)
async def test_a_record_that_cannot_be_used_is_set_aside_at_once(bench: Bench, case: str) -> None:
    record, reason = UNUSABLE[case]
    dispatcher = bench.dispatcher()
    await dispatcher.dispatch(record)
    (letter,) = await letters_of(dispatcher)
    assert (letter.cause.reason, letter.cause.attempts, letter.state) == (reason, 1, "PARKED")
    assert letter.record == record
    assert (dispatcher.counts, bench.heard) == ({"dead": 1}, [])
    assert bench.sender.taken[0].about("dlq-reason") == reason


async def test_a_broken_rule_is_named_without_the_value_that_breaks_it(bench: Bench) -> None:
    dispatcher, key = bench.dispatcher(), uuid.uuid4()
    message = OrderCancelled(order_id=str(key), reason=SECRET)
    await dispatcher.dispatch(record_of(event_of(message, key)))
    (letter,) = await letters_of(dispatcher)
    assert letter.cause.error.startswith("reason: ")
    assert SECRET not in letter.cause.error


async def test_an_event_heard_before_counts_as_repeated(bench: Bench) -> None:
    dispatcher = bench.dispatcher()
    bench.fails(AlreadyApplied())
    await dispatcher.dispatch(record_of(confirmed()))
    assert dispatcher.counts == {"repeated": 1}
    assert await letters_of(dispatcher) == []


async def test_what_is_away_or_gives_way_is_waited_for_however_long(bench: Bench) -> None:
    dispatcher = bench.dispatcher()
    away, conflict = unavailable("processor", "away"), Problem("conflict", "VERSION_CONFLICT", "again")
    bench.fails(*[away, conflict] * (3 * HANDLER_TRIES))
    await dispatcher.dispatch(record_of(confirmed()))
    assert len(bench.heard) == 6 * HANDLER_TRIES + 1
    assert dispatcher.counts == {"applied": 1}


async def test_a_refusal_is_set_aside_at_the_first_try(bench: Bench) -> None:
    dispatcher = bench.dispatcher()
    bench.fails(Problem("refused", "ILLEGAL_TRANSITION", "not in the state PAID"))
    await dispatcher.dispatch(record_of(confirmed()))
    (letter,) = await letters_of(dispatcher)
    told = (letter.cause.reason, letter.cause.error, letter.cause.attempts)
    assert told == ("ILLEGAL_TRANSITION", "not in the state PAID", 1)


async def test_a_handler_that_fails_without_saying_why_is_given_up(bench: Bench) -> None:
    dispatcher = bench.dispatcher()
    bench.fails(*[KeyError(SECRET)] * HANDLER_TRIES)
    await dispatcher.dispatch(record_of(confirmed()))
    assert len(bench.heard) == HANDLER_TRIES
    (letter,) = await letters_of(dispatcher)
    told = (letter.cause.reason, letter.cause.error, letter.cause.attempts)
    assert told == ("HANDLER_FAILED", "KeyError", HANDLER_TRIES)
    async with bench.database.statement() as connection:
        stored = str(await connection.fetch("select * from dead_letters"))
    assert SECRET not in stored
    assert SECRET not in repr(bench.sender.taken)


async def test_a_failure_that_mends_itself_is_no_dead_letter(bench: Bench) -> None:
    dispatcher = bench.dispatcher()
    bench.fails(*[KeyError("once")] * (HANDLER_TRIES - 1))
    await dispatcher.dispatch(record_of(confirmed()))
    assert dispatcher.counts == {"applied": 1}
    assert await letters_of(dispatcher) == []


async def test_waiting_for_what_is_away_counts_as_an_attempt_but_not_as_a_failure(bench: Bench) -> None:
    dispatcher = bench.dispatcher()
    away = unavailable("processor", "away")
    bench.fails(KeyError("a"), away, away, KeyError("b"), away, KeyError("c"))
    await dispatcher.dispatch(record_of(confirmed()))
    (letter,) = await letters_of(dispatcher)
    assert (letter.cause.reason, letter.cause.attempts) == ("HANDLER_FAILED", 6)


async def test_dead_letters_wait_for_their_database_and_their_topic(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher = bench.dispatcher()
    working, missing = bench.sender.send, [unavailable("kafka", "away")] * 3

    async def send(*sent: Any) -> None:
        if missing:
            raise missing.pop()
        await working(*sent)

    monkeypatch.setattr(bench.sender, "send", send)
    await dispatcher.dispatch(record_of(confirmed(), value=b"\xff"))
    assert len(await letters_of(dispatcher)) == len(bench.sender.taken) == 1
    assert dispatcher.counts == {"dead": 1}


@pytest.mark.parametrize(
    ("raised", "counted"), [(None, "applied"), (AlreadyApplied(), "repeated"), (Stale(), "stale")]
)
async def test_an_event_is_counted_as_applied_repeated_or_stale(
    bench: Bench, raised: Exception | None, counted: str
) -> None:
    bench.fails(*([raised] if raised else []))
    dispatcher = bench.dispatcher()
    await dispatcher.apply(record_of(confirmed()))
    assert dispatcher.counts == {counted: 1}


async def test_a_dropped_record_stays_dropped_when_offsets_are_set_back(bench: Bench) -> None:
    bench.fails(Problem("refused", "ILLEGAL_TRANSITION", "not now"))
    record, dispatcher = record_of(confirmed()), bench.dispatcher()
    await dispatcher.dispatch(record)
    (letter,) = await letters_of(dispatcher)
    await dispatcher.dead_letters.settle(letter, "DROPPED", uuid.uuid4())
    for instance in (dispatcher, bench.dispatcher()):
        await instance.dispatch(record)
        assert instance.counts["applied"] == 0
    assert len(bench.heard) == 1


async def test_a_redriven_record_that_fails_when_offsets_are_set_back_is_parked_again(bench: Bench) -> None:
    refused = Problem("refused", "ILLEGAL_TRANSITION", "not now")
    bench.fails(refused)
    record, dispatcher = record_of(confirmed()), bench.dispatcher()
    await dispatcher.dispatch(record)
    (letter,) = await letters_of(dispatcher)
    await dispatcher.dead_letters.settle(letter, "REDRIVEN", uuid.uuid4())
    bench.fails(refused)
    await dispatcher.dispatch(record)
    assert [letter.state for letter in await letters_of(dispatcher)] == ["PARKED"]
