"""What an account is told of its orders: each fact once, in the order's own order."""

import uuid
from datetime import UTC, datetime

import pytest

from ordermesh.orders.v1 import orders_events_pb2
from services.notifications.webhooks.consumer import LATER_FACTS
from services.notifications.webhooks.history import (
    EVENT_TYPES,
    STATES,
    EventTypeUnknown,
    Fact,
    Order,
    VersionGap,
    check_event_types,
    hear,
)

ORDER, ADA = uuid.uuid4(), uuid.uuid4()


def fact(version: int, name: str, customer_id: uuid.UUID | None = None) -> Fact:
    return Fact(uuid.uuid4(), ORDER, version, name, datetime.now(UTC), customer_id=customer_id)


def test_every_event_of_the_orders_service_has_a_name_and_a_consumer() -> None:
    published = set(orders_events_pb2.DESCRIPTOR.message_types_by_name)
    assert published == set(EVENT_TYPES) == set(STATES)
    assert published == {message.DESCRIPTOR.name for message in LATER_FACTS} | {"OrderPlaced"}


def test_the_state_follows_the_facts_and_a_request_to_cancel_leaves_it() -> None:
    order = hear(None, fact(1, "OrderPlaced", ADA))
    assert order == Order(ORDER, ADA, 1, "PENDING")
    for version, (name, state) in enumerate(
        [
            ("OrderAwaitingApproval", "AWAITING_APPROVAL"),
            ("OrderCancellationRequested", "AWAITING_APPROVAL"),
            ("OrderConfirmed", "CONFIRMED"),
        ],
        2,
    ):
        order = hear(order, fact(version, name))
        assert order == Order(ORDER, ADA, version, state)


def test_what_was_heard_is_not_told_again_and_a_gap_is_refused() -> None:
    order = Order(ORDER, ADA, 2, "CONFIRMED")
    assert hear(order, fact(1, "OrderPlaced", ADA)) is None
    assert hear(order, fact(2, "OrderConfirmed")) is None
    with pytest.raises(VersionGap):
        hear(order, fact(4, "OrderDelivered"))


def test_an_order_whose_beginning_was_never_heard_is_nobodys() -> None:
    assert hear(None, fact(2, "OrderConfirmed")) is None


def test_a_type_of_event_that_does_not_exist_is_refused() -> None:
    check_event_types(tuple(EVENT_TYPES.values()))
    for wrong in ("order.paid", "OrderPlaced", "", "*"):
        with pytest.raises(EventTypeUnknown):
            check_event_types(("order.placed", wrong))
