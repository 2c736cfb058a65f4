"""Dead letters on a real PostgreSQL: a key waits as a whole, in its order, and no record of it is lost."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kit.database import Connection, Database
from kit.deadletter_topic import Cause, id_of
from kit.deadletters import DeadLetter, DeadLetters, Settled
from kit.dispatch import BEHIND, Dispatcher, Reaction, Subscription
from kit.errors import Problem, unavailable
from kit.events import Event, Record, from_record
from kit.testing.events import TABLES, RememberingRecords, event_of, record_of
from kit.testing.postgres import scratch_database
from ordermesh.orders.v1.orders_events_pb2 import OrderConfirmed

pytestmark = pytest.mark.postgres
TOPIC = "ordermesh.orders.v1"
OLGA = uuid.uuid4()
BAD = Cause("ILLEGAL_TRANSITION", "not in the state PAID", 1)


@dataclass
class Bench:
    """A consumer in several instances on one database; versions in `refused` are not taken."""

    database: Database
    sender: RememberingRecords = field(default_factory=RememberingRecords)
    refused: set[int] = field(default_factory=set)
    heard: list[tuple[uuid.UUID, int]] = field(default_factory=list)

    def letters(self, consumer: str = "bench") -> DeadLetters:
        return DeadLetters(consumer, self.database, self.sender)

    def instance(self) -> Dispatcher:
        reaction = Reaction(OrderConfirmed, self._handle)
        return Dispatcher(Subscription("bench", [TOPIC], [reaction]), self.letters())

    async def _handle(self, event: Event, _: Any) -> None:
        if event.version in self.refused:
            raise Problem("refused", BAD.reason, BAD.error)
        self.heard.append((event.key, event.version))


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr("kit.dispatch.RETRY_PAUSES", (0.001,))
    (tmp_path / "1_events.sql").write_text(TABLES)
    async with scratch_database(tmp_path) as database:
        yield Bench(database)


def confirmed(order_id: uuid.UUID, version: int = 1, **changed: Any) -> Record:
    return record_of(event_of(OrderConfirmed(order_id=str(order_id)), order_id, version), **changed)


async def every(letters: DeadLetters) -> list[tuple[str, str]]:
    """Reason and state of each, in the order of the page."""
    found = await letters.page(True, None, 1000)
    return [(letter.cause.reason, letter.state) for letter in found]


async def redrive(dispatcher: Dispatcher, place: tuple[str, bytes | None]) -> None:
    """As the EventsService does it, without the network."""
    while (first := await dispatcher.dead_letters.first(place)) is not None:
        await dispatcher.apply(first.record)
        await dispatcher.dead_letters.settle(first, "REDRIVEN", OLGA)


async def test_later_records_of_the_key_wait_behind_and_other_keys_go_on(bench: Bench) -> None:
    stuck, other, bench.refused = uuid.uuid4(), uuid.uuid4(), {1}
    dispatcher = bench.instance()
    for record in (confirmed(stuck, 1), confirmed(stuck, 2), confirmed(other, 2), confirmed(stuck, 3)):
        await dispatcher.dispatch(record)
    assert bench.heard == [(other, 2)]
    parked = await dispatcher.dead_letters.page(False, None, 10)
    assert [letter.cause for letter in parked] == [BAD, BEHIND, BEHIND]
    assert [from_record(letter.record).version for letter in parked] == [1, 2, 3]
    assert dispatcher.counts == {"dead": 3, "applied": 1}


async def test_the_same_key_in_another_topic_goes_on(bench: Bench) -> None:
    key, letters = uuid.uuid4(), bench.letters()
    await letters.park(confirmed(key), BAD)
    assert not await letters.park_behind(confirmed(key, 2, topic="ordermesh.payments.v1"), BEHIND)
    assert await letters.park_behind(confirmed(key, 2), BEHIND)


async def test_a_record_that_comes_again_is_one_dead_letter(bench: Bench) -> None:
    bench.refused, record = {1}, confirmed(uuid.uuid4())
    for _ in range(2):
        await bench.instance().dispatch(record)
    letters = bench.letters()
    for _ in range(2):
        await letters.park(record, BAD)
    assert await every(letters) == [(BAD.reason, "PARKED")]
    assert {sent.about("dlq-id") for sent in bench.sender.taken} == {str(id_of("bench", record))}


async def test_two_consumers_of_one_database_have_dead_letters_of_their_own(bench: Bench) -> None:
    record, mine, theirs = confirmed(uuid.uuid4()), bench.letters(), bench.letters("other")
    await mine.park(record, BAD)
    await theirs.load()
    assert (await mine.parked(), await theirs.parked()) == (1, 0)
    assert not await theirs.park_behind(record, BEHIND)
    assert await every(theirs) == []


async def test_another_instance_learns_which_keys_are_parked(bench: Bench) -> None:
    key, bench.refused = uuid.uuid4(), {1}
    one, other = bench.instance(), bench.instance()
    await other.dispatch(confirmed(uuid.uuid4(), 5))  # has read what is parked: nothing
    await one.dispatch(confirmed(key, 1))
    other.assigned()
    await other.dispatch(confirmed(key, 2))
    assert (key, 2) not in bench.heard
    assert await every(other.dead_letters) == [(BAD.reason, "PARKED"), (BEHIND.reason, "PARKED")]


async def test_a_new_instance_asks_before_its_first_record(bench: Bench) -> None:
    key, bench.refused = uuid.uuid4(), {1}
    await bench.instance().dispatch(confirmed(key, 1))
    await bench.instance().dispatch(confirmed(key, 2))
    assert bench.heard == []


async def test_partitions_that_come_while_it_asks_are_asked_for_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, bench.refused = uuid.uuid4(), {1}
    one, other = bench.instance(), bench.instance()
    load, asked, answered = other.dead_letters.load, asyncio.Event(), asyncio.Event()

    async def slow_load() -> None:
        await load()
        asked.set()
        await answered.wait()

    monkeypatch.setattr(other.dead_letters, "load", slow_load)
    first = asyncio.create_task(other.dispatch(confirmed(uuid.uuid4(), 5)))
    await asked.wait()
    await one.dispatch(confirmed(key, 1))
    other.assigned()
    answered.set()
    await first
    await other.dispatch(confirmed(key, 2))
    assert (key, 2) not in bench.heard


async def test_a_key_that_is_parked_while_it_asks_stays_parked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters, key = bench.letters(), uuid.uuid4()
    statement, asked, answered = bench.database.statement, asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def slow_statement() -> AsyncIterator[Connection]:
        async with statement() as connection:
            yield connection
        if not asked.is_set():
            asked.set()
            await answered.wait()

    monkeypatch.setattr(bench.database, "statement", slow_statement)
    loading = asyncio.create_task(letters.load())
    await asked.wait()
    await letters.park(confirmed(key, 1), BAD)
    answered.set()
    await loading
    assert await letters.park_behind(confirmed(key, 2), BEHIND)


async def test_an_instance_that_still_believes_a_key_parked_goes_on_after_a_redrive_elsewhere(
    bench: Bench,
) -> None:
    key, bench.refused = uuid.uuid4(), {1}
    one, other = bench.instance(), bench.instance()
    for version in (1, 2):
        await one.dispatch(confirmed(key, version))
    bench.refused.clear()
    await redrive(other, (TOPIC, str(key).encode()))
    await one.dispatch(confirmed(key, 3))
    assert bench.heard == [(key, 1), (key, 2), (key, 3)]
    assert await one.dead_letters.parked() == 0


async def test_the_dead_letter_topic_has_the_record_as_it_came_and_the_cause_in_headers(
    bench: Bench,
) -> None:
    record, before = confirmed(uuid.uuid4(), partition=2, offset=70), datetime.now(UTC)
    await bench.letters().park(record, BAD)
    (sent,) = bench.sender.taken
    assert (sent.topic, sent.key, sent.value) == (f"{TOPIC}.dlq", record.key, record.value)
    assert tuple(sent.headers[: len(record.headers)]) == record.headers
    added = {name: value.decode() for name, value in sent.headers[len(record.headers) :]}
    assert before <= datetime.fromisoformat(added.pop("dlq-first-seen")) <= datetime.now(UTC)
    assert added == {
        "dlq-id": str(id_of("bench", record)),
        "dlq-consumer": "bench",
        "dlq-reason": BAD.reason,
        "dlq-error": BAD.error,
        "dlq-topic": TOPIC,
        "dlq-partition": "2",
        "dlq-offset": "70",
        "dlq-attempts": "1",
    }


async def test_a_record_that_is_too_large_with_its_cause_is_told_without_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be told again and again for ever, and hold its partition up."""
    record, letters, send = confirmed(uuid.uuid4(), value=b"x" * 1000), bench.letters(), bench.sender.send

    async def limited(topic: str, key: Any, value: Any, headers: Any) -> None:
        if len(value or b"") > 999:
            raise Problem("invalid", "RECORD_TOO_LARGE", "too large")
        await send(topic, key, value, headers)

    monkeypatch.setattr(bench.sender, "send", limited)
    await letters.park(record, BAD)
    (sent,) = bench.sender.taken
    assert (sent.topic, sent.key, sent.value) == (f"{TOPIC}.dlq", None, None)
    assert sent.about("dlq-id") == str(id_of("bench", record))
    assert sent.about("dlq-left-out").startswith("key, headers and value")
    assert (await letters.find(id_of("bench", record))).record == record


ODD: dict[str, dict[str, Any]] = {
    "no key": {"key": None},
    "an empty key": {"key": b""},
    "a key that is no text": {"key": b"\xff\x00"},
    "no value": {"value": None},
    "a header without a value": {"headers": (("ce_id", None), ("x", b"\xff"))},
    "a header twice": {"headers": (("x", b"1"), ("x", b"2"))},
    "no headers": {"headers": ()},
}


@pytest.mark.parametrize("case", ODD)
async def test_whatever_a_record_looks_like_it_is_kept_as_it_is(bench: Bench, case: str) -> None:
    record, letters = confirmed(uuid.uuid4(), **ODD[case]), bench.letters()
    await letters.park(record, BAD)
    (letter,) = await letters.page(False, None, 10)
    assert letter.record == record
    assert letter == await letters.find(id_of("bench", record))
    assert letter == await letters.first((record.topic, record.key))


async def test_records_without_a_key_do_not_wait_for_each_other(bench: Bench) -> None:
    letters = bench.letters()
    for offset in (1, 2):
        record = confirmed(uuid.uuid4(), offset=offset, key=None)
        assert not await letters.park_behind(record, BEHIND)
        await letters.park(record, BAD)
    assert await letters.parked((TOPIC, None)) == await letters.parked() == 2


async def test_a_dead_letter_is_settled_once_and_what_it_became_stays(bench: Bench) -> None:
    letters, dropped, redriven = bench.letters(), confirmed(uuid.uuid4()), confirmed(uuid.uuid4())
    for record, state in ((dropped, "DROPPED"), (redriven, "REDRIVEN")):
        await letters.park(record, BAD)
        letter = await letters.find(id_of("bench", record))
        settled = await letters.settle(letter, state, OLGA)
        assert (settled.state, settled.settled_by) == (state, OLGA)
        assert settled.settle_time is not None
        assert await letters.settle(letter, state, uuid.uuid4()) == settled
    with pytest.raises(Settled):
        await letters.settle(await letters.find(id_of("bench", redriven)), "DROPPED", OLGA)
    assert await letters.parked() == 0


async def test_a_key_whose_settlement_was_not_committed_stays_parked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters, key = bench.letters(), uuid.uuid4()
    await letters.park(first := confirmed(key, 1), BAD)
    transaction = bench.database.transaction

    @asynccontextmanager
    async def lost_at_the_commit() -> AsyncIterator[Connection]:
        async with transaction() as connection:
            yield connection
            raise unavailable("database", "away")

    with monkeypatch.context() as patched, pytest.raises(Problem):
        patched.setattr(bench.database, "transaction", lost_at_the_commit)
        await letters.settle(await letters.find(id_of("bench", first)), "REDRIVEN", OLGA)
    assert await letters.park_behind(confirmed(key, 2), BEHIND)


async def test_a_settled_record_that_comes_again_is_not_parked_again(bench: Bench) -> None:
    """Offsets that are set back bring everything again; what was given up stays so, what follows goes on."""
    key, bench.refused = uuid.uuid4(), {1}
    first, second, dispatcher = confirmed(key, 1), confirmed(key, 2), bench.instance()
    await dispatcher.dispatch(first)
    letter = await dispatcher.dead_letters.find(id_of("bench", first))
    await dispatcher.dead_letters.settle(letter, "DROPPED", OLGA)
    for record in (first, second):
        await dispatcher.dispatch(record)
    assert bench.heard == [(key, 2)]
    assert await every(dispatcher.dead_letters) == [(BAD.reason, "DROPPED")]


async def race(bench: Bench, work: Callable[[DeadLetter, Record], Awaitable[Any]]) -> None:
    """Do `work` with the last dead letter of a key and the record behind it, for many keys at once."""
    letters = bench.letters()

    async def once(number: int) -> None:
        key = uuid.uuid4()
        first = confirmed(key, 1, partition=number)
        await letters.park(first, BAD)
        await work(await letters.find(id_of("bench", first)), confirmed(key, 2, partition=number))

    await asyncio.gather(*(once(number) for number in range(60)))


async def test_a_record_behind_the_last_one_is_redriven_with_it_or_goes_on(bench: Bench) -> None:
    """Two instances: one takes the records, the other one redrives; each record has its effect once."""
    consuming, redriving = bench.instance(), bench.instance()
    await consuming.dispatch(confirmed(uuid.uuid4(), 9))
    bench.heard.clear()

    async def work(letter: DeadLetter, behind: Record) -> None:
        consuming.dead_letters._parked.add((behind.topic, behind.key))
        await asyncio.gather(
            redrive(redriving, (behind.topic, behind.key)),
            consuming.dispatch(behind),
            return_exceptions=False,
        )

    await race(bench, work)
    assert await consuming.dead_letters.parked() == 0
    keys = {key for key, _ in bench.heard}
    assert [[v for key, v in bench.heard if key == each] for each in keys] == [[1, 2]] * 60


async def test_a_redrive_does_not_end_while_a_record_is_being_parked_behind_the_last_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, letters, redriving = uuid.uuid4(), bench.letters(), bench.instance()
    first, behind = confirmed(key, 1), confirmed(key, 2)
    await letters.park(first, BAD)
    insert, ended = letters._insert, list[asyncio.Task[None]]()

    async def slow_insert(*row: Any) -> None:
        ended.append(asyncio.create_task(redrive(redriving, (TOPIC, behind.key))))
        await asyncio.wait(ended, timeout=0.5)  # it would end here, if nothing kept it
        await insert(*row)

    monkeypatch.setattr(letters, "_insert", slow_insert)
    assert await letters.park_behind(behind, BEHIND)
    await asyncio.gather(*ended)
    assert bench.heard == [(key, 1), (key, 2)]
    assert await letters.parked() == 0


async def test_a_record_behind_one_that_is_dropped_waits_or_goes_on_and_is_never_lost(bench: Bench) -> None:
    letters, kept = bench.letters(), list[bool]()

    async def work(letter: DeadLetter, behind: Record) -> None:
        letters._parked.add((behind.topic, behind.key))
        _, waits = await asyncio.gather(
            letters.settle(letter, "DROPPED", OLGA), letters.park_behind(behind, BEHIND)
        )
        assert await letters.parked((behind.topic, behind.key)) == waits
        if waits:  # the instance that parked it must still know the key
            assert await letters.park_behind(confirmed_after(behind), BEHIND)
        kept.append(waits)

    await race(bench, work)
    assert len(kept) == 60
    assert await letters.parked() == 2 * sum(kept)


def confirmed_after(record: Record) -> Record:
    return confirmed(from_record(record).key, 3, partition=record.partition)
