"""The operator's doors for events, as commands against the running suite."""

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from confluent_kafka import Producer

from kit.events import Event, headers
from ops import event_parts, state
from ops.broker import Broker
from ops.suite import Suite
from ordermesh.events.v1.events_pb2 import DEAD_LETTER_STATE_PARKED
from ordermesh.orders.v1 import orders_pb2
from ordermesh.orders.v1.orders_events_pb2 import OrderConfirmed
from tests.harness.breaking import findings, stopped, wait_for
from tests.harness.customer import Customer

pytestmark = pytest.mark.suite

SECONDS = 60
TOPIC = "ordermesh.orders.v1"
CONSUMERS = ("inventory", "payments", "notifications", "analytics")
"""Who reads the topic of orders."""
TOKEN = "tok_approved"
POISON = b"\xff\xff tok_of_nobody \x1b[2J"
WAY = [
    ("orders", "OrderPlaced"),
    ("inventory", "StockReserved"),
    ("payments", "PaymentProcessed"),
]
"""What happens one after the other; what follows the payment happens side by side."""
AFTER = {("orders", "OrderConfirmed"), ("inventory", "StockCommitted"), ("notifications", "ConfirmationSent")}


def environment(suite: Suite, given: dict[str, str]) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    path = f"{state.ROOT}:{state.ROOT / 'protos' / 'gen' / 'python'}"
    return kept | {"PYTHONPATH": path, "SUITE": suite.name} | given


def door(suite: Suite, command: str, **given: str) -> subprocess.CompletedProcess[str]:
    """What `make <command> NAME=value …` runs, to its end."""
    words = [sys.executable, "-m", "ops.cli", command]
    return subprocess.run(
        words,
        cwd=state.ROOT,
        env=environment(suite, given),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def said(suite: Suite, command: str, code: int = 0, **given: str) -> str:
    """Standard output of a door that must end with this exit code."""
    done = door(suite, command, **given)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def refused(suite: Suite, command: str, **given: str) -> str:
    """The one line that a door says instead of doing what it was asked."""
    done = door(suite, command, **given)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


@contextmanager
def following(suite: Suite, log: Path, **given: str) -> Iterator[subprocess.Popen[str]]:
    """`make events` in the background, with its lines in a file; begun when the block begins."""
    words = [sys.executable, "-m", "ops.cli", "events"]
    with log.open("w") as lines:
        process = subprocess.Popen(
            words,
            cwd=state.ROOT,
            env=environment(suite, given),
            stdout=lines,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            assert "Ctrl-C ends" in process.stderr.readline()
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def choreographed(suite: Suite, edge: grpc.Channel) -> str:
    """The id of an order that has come to its end by events, with all that it has caused."""
    order_id = Customer.new(edge).place(coordination=orders_pb2.COORDINATION_CHOREOGRAPHY).order_id

    def seen() -> int:
        return len(said(suite, "events", ORDER=order_id, F="0").splitlines())

    wait_for(lambda: seen() == 6, "all events of an order")
    return order_id


def test_the_way_of_an_order_is_seen_in_its_order_and_without_its_token(
    suite: Suite, choreographed: str
) -> None:
    text = said(suite, "events", ORDER=choreographed, F="0")
    way = [tuple(line.split()[2:4]) for line in text.splitlines()]
    assert way[:3] == WAY
    assert set(way[3:]) == AFTER
    assert all(choreographed in line and "CHOREOGRAPHY" in line for line in text.splitlines())
    assert "payment_token=***" in text
    assert TOKEN not in text


def test_json_is_one_object_a_line_and_types_are_chosen(suite: Suite, choreographed: str) -> None:
    text = said(suite, "events", ORDER=choreographed, F="0", JSON="1", TYPE="OrderPlaced,paymentprocessed")
    placed, paid = map(json.loads, text.splitlines())
    assert (placed["type"], paid["type"]) == ("OrderPlaced", "PaymentProcessed")
    assert placed["fields"]["order_id"] == choreographed
    assert placed["fields"]["payment_token"] == "***"
    assert TOKEN not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_events_are_followed_as_they_happen_until_ctrl_c_and_leave_no_group(
    suite: Suite, customer: Customer, tmp_path: Path, number: signal.Signals
) -> None:
    log, groups = tmp_path / "log", Broker(suite.address("kafka")).groups()
    with following(suite, log) as process:
        order_id = customer.place(coordination=orders_pb2.COORDINATION_CHOREOGRAPHY).order_id
        wait_for(lambda: log.read_text().count(order_id) == 6, "the order's events to be shown")
        process.send_signal(number)
        _, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (0, "")
    assert Broker(suite.address("kafka")).groups() == groups


def test_whoever_has_seen_enough_of_the_events_may_go(suite: Suite, choreographed: str) -> None:
    words = f'"{sys.executable}" -m ops.cli events | head -n 1'
    given = environment(suite, {"SINCE": "beginning"})
    done = subprocess.run(
        ["/bin/sh", "-c", words], cwd=state.ROOT, env=given, capture_output=True, text=True, timeout=SECONDS
    )
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


class Topic:
    """The topic of orders, written to under one key of our own."""

    def __init__(self, suite: Suite) -> None:
        self.key = uuid.uuid4()
        self._producer: Any = Producer(
            {"bootstrap.servers": suite.address("kafka"), "partitioner": "murmur2_random"}
        )

    def event(self) -> Event:
        """An event without an effect: nobody has a part in a synchronous saga, and nobody knows the order."""
        payload = OrderConfirmed(order_id=str(self.key)).SerializeToString()
        kind, now = f"{TOPIC}.OrderConfirmed", datetime.now(UTC)
        return Event(uuid.uuid4(), TOPIC, self.key, 1, kind, "SYNC", "", now, payload)

    def put(self, event: Event) -> None:
        """Return when the broker has it."""
        key = str(event.key).encode()
        self._producer.produce(event.topic, key=key, value=event.payload, headers=headers(event))
        assert self._producer.flush(SECONDS) == 0


def parked(suite: Suite, key: uuid.UUID) -> dict[str, list[tuple[str, str]]]:
    """By service, id and reason of what is parked of a key, first to last; read as the door reads it."""
    with event_parts.all_parts(suite) as parts:
        return {
            part.name: [
                (letter.dead_letter_id, letter.reason)
                for letter in part.dead_letters(settled=False)
                if letter.key == str(key) and letter.state == DEAD_LETTER_STATE_PARKED
            ]
            for part in parts
        }


@pytest.fixture
def poisoned(suite: Suite) -> Iterator[Topic]:
    """A key with a record that nobody can decode and a harmless one behind it; settled in the end."""
    topic = Topic(suite)
    poison = replace(topic.event(), type=f"{TOPIC}.OrderPlaced", coordination="CHOREOGRAPHY", payload=POISON)
    topic.put(poison)
    topic.put(topic.event())
    try:
        two = ["UNDECODABLE", "BEHIND_DEAD_LETTER"]
        for name in CONSUMERS:
            wait_for(partial(holds, suite, topic, name, two), f"{name} to park both")
        yield topic
    finally:
        with event_parts.all_parts(suite) as parts:
            for part in parts:
                for dead_letter_id, _ in parked(suite, topic.key)[part.name]:
                    part.drop(dead_letter_id)
    assert findings(suite).violations == []


def reasons(suite: Suite, topic: Topic, name: str) -> list[str]:
    return [reason for _, reason in parked(suite, topic.key)[name]]


def holds(suite: Suite, topic: Topic, name: str, wanted: list[str]) -> bool:
    return reasons(suite, topic, name) == wanted


def test_what_was_set_aside_is_listed_and_shown_without_its_bytes(suite: Suite, poisoned: Topic) -> None:
    listed = said(suite, "dlq", 1)
    for name in CONSUMERS:
        first, second = parked(suite, poisoned.key)[name]
        assert re.search(rf"{first[0]}  ordermesh\.orders\.v1\[\d\]@\d+  key {poisoned.key}  UNDECOD", listed)
        assert f"{second[0]}  " in listed
    shown = said(suite, "dlq", 1, SHOW=parked(suite, poisoned.key)["payments"][0][0])
    assert shown.startswith("payments ordermesh.orders.v1[")
    assert "UNDECODABLE: the value is no ordermesh.orders.v1.OrderPlaced" in shown
    assert f"header    ce_subject: {poisoned.key}" in shown
    assert f"value     {len(POISON)} bytes, cannot be read" in shown
    followed = said(suite, "events", ORDER=str(poisoned.key), F="0")
    unreadable, harmless = followed.splitlines()
    assert "cannot be read (UNDECODABLE" in unreadable
    assert "OrderConfirmed" in harmless
    for text in (listed, shown, followed):
        assert "tok_of_nobody" not in text
        assert "\x1b" not in text


def test_a_key_is_redriven_in_its_order_once_what_blocks_it_is_dropped(suite: Suite, poisoned: Topic) -> None:
    (first, _), (second, _) = parked(suite, poisoned.key)["inventory"]
    again = said(suite, "dlq", 1, REDRIVE=second)
    assert f"inventory, key {poisoned.key}: 0 redriven, 2 still parked: UNDECODABLE" in again
    assert reasons(suite, poisoned, "inventory") == ["UNDECODABLE", "BEHIND_DEAD_LETTER"]
    dropped = said(suite, "dlq", 1, DROP=first)
    assert f"1 still parked; `make dlq REDRIVE={first}` lets them go on" in dropped
    assert "1 redriven, 0 still parked" in said(suite, "dlq", REDRIVE=first)
    everything = said(suite, "dlq", 1, ALL="1")  # the others still have it
    assert re.search(rf"{first} .* UNDECODABLE  2 tries  .*  DROPPED", everything)
    assert re.search(rf"{second} .* BEHIND_DEAD_LETTER  0 tries  .*  REDRIVEN", everything)
    assert "state     REDRIVEN" in said(suite, "dlq", SHOW=second)
    assert "DEAD_LETTER_SETTLED" in refused(suite, "dlq", DROP=second)


def test_the_exit_code_says_whether_anything_is_parked(suite: Suite) -> None:
    with event_parts.all_parts(suite) as parts:
        counts = {part.name: len(part.dead_letters(settled=False)) for part in parts}
    text = said(suite, "dlq", 1 if any(counts.values()) else 0)
    for name, count in counts.items():
        assert f"{name}: {count or 'nothing'} parked" in text


def test_the_lag_of_a_suite_at_rest_is_none(suite: Suite, choreographed: str) -> None:
    """Not at once: offsets are committed a moment later, and other tests have caused events, too."""

    def behind() -> list[str]:
        table = said(suite, "lag").split("\n\n")[1].splitlines()[1:]
        assert {line.split()[0] for line in table} >= {*CONSUMERS, "orders"}
        return [line for line in table if line.split()[2] != "0"]

    wait_for(lambda: behind() == [], "every group to have caught up")
    services = said(suite, "lag").split("\n\n")[0].splitlines()[1:]
    (payments,) = [line.split() for line in services if line.startswith("payments ")]
    assert int(payments[2]) > 0  # applied; nothing is unsent, so there is no age of the oldest


def test_a_service_that_is_down_is_shown_as_down(suite: Suite) -> None:
    with stopped(suite, "inventory"):
        assert re.search(r"^inventory +down \(UNAVAILABLE\)$", said(suite, "lag", 1), re.MULTILINE)
        listed = said(suite, "dlq", 1)
        assert listed.startswith("inventory: UNAVAILABLE")
        assert re.search(r"^payments: (nothing|\d+) parked$", listed, re.MULTILINE)


def test_the_mails_about_an_order_are_shown_whole(suite: Suite, choreographed: str) -> None:
    wait_for(lambda: "is confirmed" in said(suite, "mail", ORDER=choreographed), "the confirmation")
    text = said(suite, "mail", ORDER=choreographed)
    assert "We have received your order" in text
    assert f"your order {choreographed} is confirmed." in text
    assert len(said(suite, "mail", N="2").splitlines()) == 2
    assert said(suite, "mail", ORDER=str(uuid.uuid4())).startswith("no mail mentions")


@pytest.mark.parametrize("mode", ["sync", "choreography", "orchestration"])
def test_a_load_ends_with_every_order_final_and_a_green_audit(suite: Suite, mode: str) -> None:
    text = said(suite, "load", MODE=mode, RATE="5", SECONDS="2", CARDS="approved,declined")
    assert f"orders by {mode.upper()}, 5/s for 2 s, Poisson" in text
    assert "dropped by the generator 0" in text
    assert "0 orders open" in text
    assert ("completion p50" in text) == (mode != "sync")
    assert text.endswith("money, stock and events add up\n")


@pytest.mark.parametrize(
    ("command", "given", "part"),
    [
        ("events", {"ORDER": "12"}, "ORDER=12: an id"),
        ("events", {"SUITE": "nobodys"}, "there is no suite 'nobodys'"),
        ("dlq", {"DROP": str(uuid.UUID(int=1))}, "no dead letter 00000000-0000-0000-0000-000000000001"),
        ("lag", {"SUITE": "nobodys"}, "there is no suite 'nobodys'"),
        ("mail", {"N": "0"}, "N=0: a whole number from 1 to 1000"),
        ("load", {"RATE": "501"}, "RATE=501: a number from 0.1 to 500"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    suite: Suite, command: str, given: dict[str, str], part: str
) -> None:
    assert part in refused(suite, command, **given)


def test_a_broker_that_is_away_is_said_in_one_line_and_the_rest_is_shown(suite: Suite) -> None:
    with stopped(suite, "kafka"):
        assert "does not answer" in refused(suite, "events", F="0")
        text = said(suite, "lag", 1)
        assert "does not answer" in text
        assert text.startswith("service")
