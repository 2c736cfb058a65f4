"""The rules of webhooks: when an attempt follows another, when it is enough, and in which order it goes."""

import uuid
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.testing.tables import Cell, cells
from services.notifications.webhooks import domain
from services.notifications.webhooks.domain import (
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointNotActive,
    EndpointState,
    Outcome,
    Policy,
)

NOW = datetime(2026, 11, 25, tzinfo=UTC)
S = timedelta(seconds=1)
POLICY = Policy((5 * S, 300 * S, 1800 * S), timedelta(days=5), timedelta(days=1))
OK, DOWN, GONE = Outcome(200), Outcome(500, "HTTP_500"), Outcome(410, "HTTP_410")
ENDPOINT = Endpoint(
    uuid.uuid4(), uuid.uuid4(), "https://example.com", ("order.placed",), EndpointState.ACTIVE
)


def delivery(**changed: object) -> Delivery:
    fields = (uuid.uuid4(), ENDPOINT.endpoint_id, uuid.uuid4(), "order.placed", uuid.uuid4(), 1, "{}")
    return replace(Delivery(*fields, next_attempt_time=NOW), **changed)  # type: ignore[arg-type]


OUTCOMES = {"2xx": OK, "failure": DOWN, "last failure": DOWN, "410": GONE}


@pytest.mark.parametrize(("state", "name", "cell"), cells("Webhooks"))
def test_a_delivery_does_what_the_table_says(state: str, name: str, cell: Cell) -> None:
    attempts = len(POLICY.schedule) if name == "last failure" else 0
    before = delivery(state=DeliveryState(state), attempts=attempts)
    after = domain.settle(ENDPOINT, before, OUTCOMES[name], NOW, 0.5, POLICY).delivery
    assert after.state == (cell.state or state)
    assert (after == before) is (cell == Cell())


def test_the_table_has_every_state() -> None:
    assert {state for state, _, _ in cells("Webhooks")} == set(DeliveryState)


def test_each_failure_is_followed_by_the_next_pause_and_the_last_one_by_none() -> None:
    tried, pauses = delivery(), []
    while tried.state is DeliveryState.PENDING:
        tried = domain.settle(ENDPOINT, tried, DOWN, NOW, 0.5, POLICY).delivery
        pauses.append(tried.next_attempt_time and tried.next_attempt_time - NOW)
    assert pauses == [5 * S, 300 * S, 1800 * S, None]
    assert (tried.state, tried.attempts, tried.settle_time) == (DeliveryState.FAILED, 4, NOW)
    assert (tried.last_status_code, tried.last_failure_reason) == (500, "HTTP_500")


@given(chance=st.floats(0, 1, exclude_max=True), asked=st.integers(0, 10**9), attempts=st.integers(1, 3))
def test_a_pause_is_the_scheduled_one_about_or_what_the_receiver_asks_for_a_day_at_most(
    chance: float, asked: int, attempts: int
) -> None:
    scheduled = POLICY.schedule[attempts - 1]
    wait = domain.pause(attempts, Outcome(503, "HTTP_503", timedelta(seconds=asked)), chance, POLICY)
    assert wait >= min(asked * S, timedelta(days=1))
    assert 0.9 * scheduled <= wait <= max(1.1 * scheduled, min(asked * S, timedelta(days=1)))


def test_an_endpoint_that_is_gone_is_disabled_at_once() -> None:
    settled = domain.settle(ENDPOINT, delivery(), GONE, NOW, 0.5, POLICY)
    assert (settled.endpoint.state, settled.endpoint.disable_reason) == (EndpointState.DISABLED, "GONE")
    assert settled.disabled
    assert settled.delivery.state is DeliveryState.FAILED


def test_an_endpoint_that_fails_for_days_is_disabled_and_one_success_begins_the_count_anew() -> None:
    first = domain.settle(ENDPOINT, delivery(), DOWN, NOW, 0.5, POLICY).endpoint
    assert (first.failure_time, first.failure_reason) == (NOW, "HTTP_500")
    almost, over = NOW + POLICY.disable_after - S, NOW + POLICY.disable_after
    assert domain.settle(first, delivery(), DOWN, almost, 0.5, POLICY).endpoint.state is EndpointState.ACTIVE
    disabled = domain.settle(first, delivery(), DOWN, over, 0.5, POLICY)
    assert (disabled.endpoint.state, disabled.endpoint.disable_reason) == (EndpointState.DISABLED, "FAILING")
    healthy = domain.settle(first, delivery(), OK, almost, 0.5, POLICY).endpoint
    assert (healthy.failure_time, healthy.failure_reason) == (None, "")
    assert domain.settle(healthy, delivery(), DOWN, over, 0.5, POLICY).endpoint.state is EndpointState.ACTIVE


def test_a_disabled_endpoint_that_is_verified_is_as_new() -> None:
    disabled = domain.settle(ENDPOINT, delivery(), GONE, NOW, 0.5, POLICY).endpoint
    again = domain.verified(disabled, NOW + S)
    assert again == replace(ENDPOINT, verify_time=NOW + S)


def test_a_settled_delivery_begins_anew_when_it_is_asked_for_and_a_pending_one_is_tried_at_once() -> None:
    given_up = delivery(state=DeliveryState.FAILED, attempts=4, next_attempt_time=None, settle_time=NOW)
    again = domain.redeliver(ENDPOINT, given_up, NOW)
    assert (again.state, again.attempts, again.next_attempt_time) == (DeliveryState.PENDING, 0, NOW)
    assert again.event_id == given_up.event_id
    waiting = delivery(attempts=2, next_attempt_time=NOW + 300 * S)
    assert domain.redeliver(ENDPOINT, waiting, NOW) == replace(waiting, next_attempt_time=NOW)
    with pytest.raises(EndpointNotActive):
        domain.redeliver(replace(ENDPOINT, state=EndpointState.DISABLED), given_up, NOW)


@given(
    outcomes=st.lists(st.sampled_from([OK, DOWN, DOWN]), max_size=60),
    versions=st.integers(1, 5),
    orders=st.integers(1, 3),
    choices=st.randoms(use_true_random=False),
)
def test_whatever_fails_each_orders_events_are_taken_in_their_order_once(
    outcomes: list[Outcome], versions: int, orders: int, choices: Random
) -> None:
    """The queue's rule, with any order due at any time: the first that is pending of an order goes."""
    ids = [uuid.uuid4() for _ in range(orders)]
    queue = {(each, n): delivery(order_id=each, version=n) for each in ids for n in range(1, versions + 1)}
    taken: dict[uuid.UUID, list[int]] = defaultdict(list)
    for outcome in outcomes + [OK] * len(queue):
        pending = [key for key, each in queue.items() if each.state is DeliveryState.PENDING]
        if not pending:
            break
        order = choices.choice(pending)[0]
        key = min(each for each in pending if each[0] == order)
        queue[key] = domain.settle(ENDPOINT, queue[key], outcome, NOW, 0.5, POLICY).delivery
        if queue[key].state is DeliveryState.SUCCEEDED:
            taken[order].append(key[1])
    for order in ids:
        given_up = {n for n in range(1, versions + 1) if queue[order, n].state is DeliveryState.FAILED}
        assert taken[order] == [n for n in range(1, versions + 1) if n not in given_up]
        for n in given_up:
            assert queue[order, n].attempts == len(POLICY.schedule) + 1
