"""Records that no consumer can use: set aside with their reason, their key parked, the rest goes on."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
import pytest

from kit.events import Event, headers
from ops.client import Metadata
from ops.suite import Suite
from ordermesh.events.v1 import events_pb2, events_service_pb2_grpc
from ordermesh.events.v1 import events_service_pb2 as pb
from ordermesh.orders.v1 import orders_events_pb2, orders_pb2
from tests.harness.breaking import findings, stopped, wait_for, wait_until_nothing_is_open
from tests.harness.customer import Customer
from tests.harness.topics import produce

pytestmark = [pytest.mark.suite, pytest.mark.timeout(180)]

ORDERS, PAYMENTS = "ordermesh.orders.v1", "ordermesh.payments.v1"
READERS = {
    ORDERS: ("inventory", "payments", "notifications"),
    PAYMENTS: ("orders", "inventory", "notifications"),
}
BY_EVENT = orders_pb2.COORDINATION_CHOREOGRAPHY
KEY = "6a0cbe8b-6a0e-4a3c-9a47-9a0a6d1f9d50"


@dataclass(frozen=True)
class Bad:
    """A record that differs from a good one in one thing."""

    reason: str
    value: bytes | None = b""
    key: str | None = KEY
    drop: str = ""  # a header that is missing
    header: tuple[str, str] = ("", "")  # a header that is wrong

    def send(self, suite: Suite, key: str) -> None:
        """Produce it under this key, if it has one."""
        good = Event(
            uuid.uuid4(), ORDERS, uuid.UUID(key), 1, f"{ORDERS}.OrderPlaced", "CHOREOGRAPHY", "",
            datetime.now(UTC), b"x",
        )  # fmt: skip
        with_headers = [(name, text) for name, text in headers(good) if name != self.drop]
        name, text = self.header
        with_headers = [(n, text.encode() if n == name else t) for n, t in with_headers]
        own = None if self.key is None else (key if self.key == KEY else self.key).encode()
        produce(suite, ORDERS, own, self.value, with_headers)


UNDECODABLE = Bad("UNDECODABLE", b"\xff\xff\xff\xff")
INVALID = orders_events_pb2.OrderPlaced(order_id="no uuid").SerializeToString()
CATALOGUE = {
    "no value": Bad("MALFORMED", None),
    "an empty value": Bad("MALFORMED", b""),
    "a value above 256 KiB": Bad("MALFORMED", b"x" * (256 * 1024 + 1)),
    "bytes that are no message": UNDECODABLE,
    "a message of another topic": Bad("WRONG_TYPE", b"x", header=("ce_type", f"{PAYMENTS}.PaymentFailed")),
    "a newer major version": Bad(
        "VERSION_TOO_NEW", b"x", header=("ce_type", "ordermesh.orders.v2.OrderPlaced")
    ),
    "no id": Bad("ENVELOPE_INVALID", b"x", drop="ce_id"),
    "no type": Bad("ENVELOPE_INVALID", b"x", drop="ce_type"),
    "no version": Bad("ENVELOPE_INVALID", b"x", drop="ce_aggregateversion"),
    "an id that is no UUID": Bad("ENVELOPE_INVALID", b"x", header=("ce_id", "1")),
    "a key that is another order": Bad("ENVELOPE_INVALID", b"x", key=str(uuid.UUID(int=3))),
    "no key": Bad("ENVELOPE_INVALID", b"x", key=None),
    "a message that breaks a rule": Bad("VALIDATION_FAILED", INVALID),
}


class Desk:
    """The operator at the dead letters of every service."""

    def __init__(self, suite: Suite, olga: Metadata) -> None:
        self._olga = olga
        self._channels = {
            part: grpc.insecure_channel(suite.address(part)) for part in ("orders", *READERS[ORDERS])
        }
        self._stubs = {p: events_service_pb2_grpc.EventsServiceStub(c) for p, c in self._channels.items()}

    def parked(self, part: str) -> list[events_pb2.DeadLetter]:
        request = pb.ListDeadLettersRequest(page_size=100)
        return list(self._stubs[part].ListDeadLetters(request, metadata=self._olga, timeout=5).dead_letters)

    def drop(self, part: str, dead_letter_id: str) -> None:
        request = pb.DropDeadLetterRequest(request_id=str(uuid.uuid4()), dead_letter_id=dead_letter_id)
        self._stubs[part].DropDeadLetter(request, metadata=self._olga, timeout=5)

    def redrive(self, part: str, dead_letter_id: str) -> pb.RedriveDeadLettersResponse:
        request = pb.RedriveDeadLettersRequest(request_id=str(uuid.uuid4()), dead_letter_id=dead_letter_id)
        return self._stubs[part].RedriveDeadLetters(request, metadata=self._olga, timeout=10)

    def clear(self) -> None:
        """Give everything up, so that the next test begins with an empty desk."""
        for part in self._stubs:
            while found := self.parked(part):
                for letter in found:
                    self.drop(part, letter.dead_letter_id)
        for channel in self._channels.values():
            channel.close()


@pytest.fixture
def desk(suite: Suite, olga: Metadata) -> Iterator[Desk]:
    made = Desk(suite, olga)
    yield made
    made.clear()


def test_the_whole_catalogue_is_set_aside_by_every_reader_and_orders_go_on(
    suite: Suite, customer: Customer, desk: Desk
) -> None:
    for bad in CATALOGUE.values():
        bad.send(suite, str(uuid.uuid4()))
    expected = sorted(bad.reason for bad in CATALOGUE.values())
    for part in READERS[ORDERS]:
        wait_for(lambda part=part: len(desk.parked(part)) == len(expected), f"{part} to set all aside")  # type: ignore[misc]
        assert sorted(letter.reason for letter in desk.parked(part)) == expected
    order_id = customer.place(coordination=BY_EVENT).order_id
    assert customer.history(order_id)[-1].state == orders_pb2.ORDER_STATE_CONFIRMED


def test_an_order_behind_poison_is_stuck_with_its_reason_until_an_operator_drops_and_redrives(
    suite: Suite, customer: Customer, desk: Desk
) -> None:
    with stopped(suite, "payments"):
        order_id = customer.place(coordination=BY_EVENT).order_id
        kind, now = f"{PAYMENTS}.PaymentProcessed", datetime.now(UTC)
        event = Event(
            uuid.uuid4(), PAYMENTS, uuid.UUID(order_id), 1, kind, "CHOREOGRAPHY", "", now, b"\xff\xff"
        )
        produce(suite, PAYMENTS, order_id.encode(), event.payload, headers(event))
        for part in READERS[PAYMENTS]:
            wait_for(lambda part=part: bool(desk.parked(part)), f"{part} to set it aside")  # type: ignore[misc]
    for part in READERS[PAYMENTS]:
        wait_for(lambda part=part: len(desk.parked(part)) == 2, f"{part} to set the payment aside")  # type: ignore[misc]
    stuck = {where for key, _, where in findings(suite).stuck if key == order_id}
    assert "STUCK at orders: UNDECODABLE; see `make dlq`" in stuck
    assert customer.get(order_id).state == orders_pb2.ORDER_STATE_PENDING
    for part in READERS[PAYMENTS]:
        poison, behind = desk.parked(part)
        assert (poison.reason, behind.reason) == ("UNDECODABLE", "BEHIND_DEAD_LETTER")
        again = desk.redrive(part, behind.dead_letter_id)
        assert (again.redriven, again.parked, again.reason) == (0, 2, "UNDECODABLE")
        desk.drop(part, poison.dead_letter_id)
        assert (desk.redrive(part, behind.dead_letter_id).redriven, desk.parked(part)) == (1, [])
    assert customer.history(order_id)[-1].state == orders_pb2.ORDER_STATE_CONFIRMED
    assert wait_until_nothing_is_open(suite).violations == []
