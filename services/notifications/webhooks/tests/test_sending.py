"""Sending under failures: the order of an order's events, several instances, one that dies, giving up."""

import asyncio
import os
import signal
import sys
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from kit.events import Event
from kit.testing.events import record_of
from kit.testing.postgres import scratch_url
from ordermesh.notifications.v1 import webhooks_pb2
from ordermesh.notifications.v1 import webhooks_service_pb2 as pb
from ordermesh.orders.v1 import orders_events_pb2 as events
from services.notifications import wiring
from services.notifications.webhooks.history import VersionGap
from services.notifications.webhooks.sending import Sending
from services.notifications.webhooks.tests.office import (
    ADA,
    SECONDS,
    Office,
    history,
    new,
    notifications,
    refused,
)
from services.notifications.webhooks.tests.receiving import Came, Receiver, answer, echo, receiving

pytestmark = pytest.mark.postgres
ACTIVE, DISABLED = (
    webhooks_pb2.WEBHOOK_ENDPOINT_STATE_ACTIVE,
    webhooks_pb2.WEBHOOK_ENDPOINT_STATE_DISABLED,
)
PENDING, SUCCEEDED, FAILED = (
    webhooks_pb2.WEBHOOK_DELIVERY_STATE_PENDING,
    webhooks_pb2.WEBHOOK_DELIVERY_STATE_SUCCEEDED,
    webhooks_pb2.WEBHOOK_DELIVERY_STATE_FAILED,
)
LONG = "60,60,60"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with scratch_url(wiring.MIGRATIONS) as url:
        yield url


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        receiver.answers = echo
        yield receiver


def sending_of(office: Office) -> Sending:
    """The sender of an instance: its rounds are the sender's own."""
    sending = office.app.rounds[1].work.__self__  # type: ignore[attr-defined]
    assert isinstance(sending, Sending)
    return sending


def long_history(order_id: uuid.UUID) -> list[Event]:
    about = {"order_id": str(order_id)}
    later = [
        events.OrderCancellationRequested(**about, reason="CANCELLED_BY_CUSTOMER"),
        events.OrderCancelled(**about, reason="CANCELLED_BY_CUSTOMER"),
    ]
    return history(order_id, ADA, *later)


@pytest.mark.parametrize("seed", range(3))
async def test_two_instances_and_a_receiver_that_fails_at_random_keep_the_order_of_each_order(
    url: str, receiver: Receiver, seed: int
) -> None:
    """No version is taken twice, none is left out unless it was given up, none comes after a later one."""
    chance = Random(seed)  # noqa: S311 - a test that can be repeated
    taken = defaultdict[str, list[int]](list)
    schedule = ",".join(["0.01"] * 20)
    async with (
        notifications(url, webhook_schedule=schedule) as one,
        notifications(url, webhook_schedule=schedule) as other,
    ):
        endpoint_id = await one.active(receiver.url())

        def fails_often(came: Came) -> bytes:
            data = came.message["data"]
            if chance.random() < 0.4:
                return answer(500)
            taken[data["order_id"]].append(data["version"])
            return answer(200)

        receiver.answers = fails_often
        orders = [uuid.uuid4() for _ in range(6)]
        await asyncio.gather(
            *(
                office.hears(*long_history(order))
                for office, order in zip([one, other] * 3, orders, strict=True)
            )
        )
        settled, _ = await asyncio.gather(one.until_settled(endpoint_id), other.until_settled(endpoint_id))
    assert {each.state for each in settled} == {SUCCEEDED}
    assert len(settled) == 18
    assert taken == {str(order): [1, 2, 3] for order in orders}


async def test_the_next_waits_for_an_earlier_one_that_is_given_up_and_other_orders_do_not(
    url: str, receiver: Receiver
) -> None:
    bad, good = uuid.uuid4(), uuid.uuid4()
    async with notifications(url) as office:
        endpoint_id = await office.active(receiver.url())

        def refuses_the_first(came: Came) -> bytes:
            data = came.message["data"]
            return answer(500 if (data["order_id"], data["version"]) == (str(bad), 1) else 200)

        receiver.answers = refuses_the_first
        await office.hears(*history(bad), *history(good))
        settled = {(each.order_id, each.version): each for each in await office.until_settled(endpoint_id)}
        endpoint = await office.endpoint(endpoint_id)
    assert {key: each.state for key, each in settled.items()} == {
        (str(bad), 1): FAILED,
        (str(bad), 2): SUCCEEDED,
        (str(good), 1): SUCCEEDED,
        (str(good), 2): SUCCEEDED,
    }
    given_up = settled[str(bad), 1]
    assert (given_up.attempts, given_up.last_status_code, given_up.last_failure_reason) == (
        4,
        500,
        "HTTP_500",
    )
    versions = [each.message["data"]["version"] for each in receiver.came if str(bad) in each.body]
    assert versions == [1, 1, 1, 1, 2]
    assert (endpoint.state, endpoint.failure_reason) == (ACTIVE, "")


async def test_an_instance_that_dies_leaves_its_attempts_to_another_one_when_its_lease_ends(
    url: str, receiver: Receiver
) -> None:
    async with notifications(url) as dying, notifications(url) as other:
        endpoint_id = await dying.active(receiver.url(), "order.confirmed")
        uow = sending_of(dying)._uow
        sending_of(dying)._running = 10**6  # it takes nothing more by itself
        await dying.hears(*history(uuid.uuid4()))
        async with uow.begin() as tx:
            (left,) = await tx.take_due(10, timedelta(seconds=60))  # and here it is killed
        await other.sweep()
        (waiting,) = await other.deliveries(endpoint_id)
        assert (waiting.state, waiting.attempts) == (PENDING, 0)
        await other.execute("update webhook_deliveries set lease_time = now() - interval '1 second'")
        (settled,) = await other.until_settled(endpoint_id)
        assert (settled.state, settled.attempts) == (SUCCEEDED, 1)
        async with uow.begin() as tx:
            assert await tx.taken(left) is None  # what it would have to say comes too late


async def test_a_process_that_is_killed_after_the_receivers_yes_sends_again_under_the_same_id(
    url: str, receiver: Receiver, tmp_path: Path
) -> None:
    async with notifications(url) as other:
        endpoint_id = await other.active(receiver.url(), "order.confirmed")
        receiver.came.clear()
        sending_of(other)._running = 10**6  # only the process that dies takes it
        await other.hears(*history(uuid.uuid4()))
        dying = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.notifications"),
            env=os.environ
            | {
                "NOTIFICATIONS_LISTEN": f"unix:{tmp_path}/s",
                "NOTIFICATIONS_DATABASE_URL": url,
                "NOTIFICATIONS_USERS_ADDRESS": "127.0.0.1:1",
                "NOTIFICATIONS_SMTP_ADDRESS": "127.0.0.1:1",
                "NOTIFICATIONS_KAFKA_ADDRESS": "127.0.0.1:1",
                "NOTIFICATIONS_PROFILE": "dev",
                "NOTIFICATIONS_WEBHOOK_LOCAL": "true",
                "NOTIFICATIONS_CRASH_AT": "notifications.after_webhook",
            },
        )
        async with asyncio.timeout(SECONDS):
            assert await dying.wait() == -signal.SIGKILL
        (waiting,) = await other.deliveries(endpoint_id)
        assert (waiting.state, waiting.attempts) == (PENDING, 0)
        await other.execute("update webhook_deliveries set lease_time = now() - interval '1 second'")
        sending_of(other)._running = 0
        (settled,) = await other.until_settled(endpoint_id)
    assert (settled.state, settled.attempts) == (SUCCEEDED, 1)
    assert [came.headers["webhook-id"] for came in receiver.came] == [settled.event_id] * 2


async def test_410_disables_the_endpoint_and_gives_up_what_waits_until_it_is_verified_again(
    url: str, receiver: Receiver
) -> None:
    async with notifications(url, webhook_schedule=LONG) as office:
        endpoint_id = await office.active(receiver.url())
        receiver.answers = lambda came: answer(410)
        await office.hears(*history(uuid.uuid4()), *history(uuid.uuid4()))
        settled = await office.until_settled(endpoint_id)
        assert {each.state for each in settled} == {FAILED}
        assert {each.last_failure_reason for each in settled} <= {"HTTP_410", "ENDPOINT_DISABLED"}
        endpoint = await office.endpoint(endpoint_id)
        assert (endpoint.state, endpoint.disable_reason) == (DISABLED, "GONE")
        again = pb.RedeliverWebhookRequest(
            request_id=new(), endpoint_id=endpoint_id, delivery_id=settled[0].delivery_id
        )
        assert (await refused(office.call(again))).reason == "WEBHOOK_ENDPOINT_NOT_ACTIVE"
        before = len(receiver.came)
        await office.hears(*history(uuid.uuid4()))
        await office.sweep()
        assert len(receiver.came) == before
        receiver.answers = echo
        endpoint = await office.verify(endpoint_id)
        assert (endpoint.state, endpoint.disable_reason) == (ACTIVE, "")
        await office.call(again)
        resent = (await office.until_settled(endpoint_id))[0]
        assert (resent.delivery_id, resent.state) == (settled[0].delivery_id, SUCCEEDED)


async def test_failing_for_days_disables_the_endpoint_with_a_cause_that_is_shown(
    url: str, receiver: Receiver
) -> None:
    async with notifications(url, webhook_schedule=LONG) as office:
        endpoint_id = await office.active(receiver.url(), "order.confirmed")
        receiver.answers = lambda came: answer(302, "location: /")
        await office.hears(*history(uuid.uuid4()))

        async def failed_once() -> bool:
            return (await office.deliveries(endpoint_id))[0].attempts == 1

        await office.until(failed_once)
        assert (await office.endpoint(endpoint_id)).failure_reason == "REDIRECTED"
        await office.execute(
            "update webhook_endpoints set failure_time = failure_time - interval '5 days';"
            "update webhook_deliveries set next_attempt_time = now()"
        )
        (given_up,) = await office.until_settled(endpoint_id)
        endpoint = await office.endpoint(endpoint_id)
    assert (given_up.state, given_up.attempts) == (FAILED, 2)
    assert (endpoint.state, endpoint.disable_reason) == (DISABLED, "FAILING")


async def test_a_slow_endpoint_does_not_hold_up_another_one(url: str, receiver: Receiver) -> None:
    async with notifications(url, webhook_schedule=LONG) as office:
        slow = await office.active(receiver.url("/slow"), "order.confirmed")
        quick = await office.active(receiver.url("/quick"), "order.confirmed")
        receiver.answers = lambda came: None if came.path == "/slow" else answer(200)
        for _ in range(40):
            await office.hears(*history(uuid.uuid4()))
        settled = await office.until_settled(quick)
        assert {each.state for each in settled} == {SUCCEEDED}
        assert {each.state for each in await office.deliveries(slow)} == {PENDING}
        assert (
            len([each for each in receiver.came if each.path == "/slow" and "challenge" not in each.body])
            == 4
        )


async def test_a_gap_in_an_orders_events_is_refused_and_nothing_of_it_is_sent(
    url: str, receiver: Receiver
) -> None:
    async with notifications(url) as office:
        endpoint_id = await office.active(receiver.url())
        placed, _, cancelled = long_history(uuid.uuid4())
        await office.hears(placed)
        assert office.app.events is not None
        assert office.app.events.dispatcher is not None
        with pytest.raises(VersionGap):
            await office.app.events.dispatcher.apply(record_of(cancelled))
        (told,) = await office.until_settled(endpoint_id)
    assert told.event_type == "order.placed"
