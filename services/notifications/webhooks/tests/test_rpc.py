"""Webhooks as an account sees them: registered, verified, rotated, listed, sent again; nobody else's."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from ordermesh.notifications.v1 import webhooks_pb2
from ordermesh.notifications.v1 import webhooks_service_pb2 as pb
from services.notifications.webhooks.tests.office import (
    ADA,
    ALL,
    BOB,
    OLGA,
    Office,
    an_office,
    history,
    new,
    refused,
)
from services.notifications.webhooks.tests.receiving import OK, Receiver, answer, echo, receiving

pytestmark = pytest.mark.postgres
UNVERIFIED = webhooks_pb2.WEBHOOK_ENDPOINT_STATE_UNVERIFIED
ACTIVE = webhooks_pb2.WEBHOOK_ENDPOINT_STATE_ACTIVE
PENDING = webhooks_pb2.WEBHOOK_DELIVERY_STATE_PENDING
SUCCEEDED = webhooks_pb2.WEBHOOK_DELIVERY_STATE_SUCCEEDED
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with an_office() as office:
        yield office


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        receiver.answers = echo
        yield receiver


async def test_an_endpoint_is_registered_once_a_request_and_its_secret_is_in_that_answer_only(
    office: Office, receiver: Receiver
) -> None:
    request_id = new()
    created = await office.create(receiver.url(), "order.placed", request_id=request_id)
    assert (created.endpoint.state, list(created.endpoint.event_types)) == (UNVERIFIED, ["order.placed"])
    assert created.secret.startswith("whsec_")
    assert await office.create(receiver.url(), "order.placed", request_id=request_id) == created
    other = await refused(office.create(receiver.url("/other"), "order.placed", request_id=request_id))
    assert (other.code, other.reason) == (INVALID, "REQUEST_ID_MISMATCH")
    listed = await office.call(pb.ListWebhookEndpointsRequest())
    assert list(listed.endpoints) == [created.endpoint]
    shown = str(listed) + str(await office.endpoint(created.endpoint.endpoint_id))
    assert created.secret not in shown


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("https://ada@example.com/", "USERINFO"),
        ("ftp://example.com/", "NOT_HTTPS"),
        ("https://10.0.0.1/", "PRIVATE_TARGET"),
        ("https://nobody.invalid/", "UNRESOLVABLE"),
        ("https://1.1.1.1/" + "x" * 2048, "TOO_LONG"),
    ],
)
async def test_a_url_that_nothing_may_be_sent_to_is_refused(office: Office, url: str, cause: str) -> None:
    said = await refused(office.create(url))
    assert (said.code, said.reason, said.fields) == (INVALID, "WEBHOOK_URL_REJECTED", ["url"])
    assert said.metadata == {"cause": cause}


async def test_without_the_setting_for_local_use_plain_http_and_loopback_are_refused(
    receiver: Receiver,
) -> None:
    async with an_office(webhook_local=False) as strict:
        for url, cause in [
            (receiver.url(), "NOT_HTTPS"),
            ("https://localhost:8443/", "PRIVATE_TARGET"),
            (f"https://1.1.1.1:{receiver.port}/", "PORT_NOT_ALLOWED"),
        ]:
            assert (await refused(strict.create(url))).metadata == {"cause": cause}
        assert (await strict.create("https://1.1.1.1:8443/")).endpoint.url == "https://1.1.1.1:8443/"


async def test_unknown_types_of_events_and_too_many_endpoints_are_refused(
    office: Office, receiver: Receiver
) -> None:
    unknown = await refused(office.create(receiver.url(), "order.paid"))
    assert (unknown.code, unknown.reason) == (INVALID, "WEBHOOK_EVENT_TYPE_UNKNOWN")
    for _ in range(10):
        await office.create(receiver.url())
    said = await refused(office.create(receiver.url()))
    assert (said.code, said.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_MANY_WEBHOOK_ENDPOINTS")
    assert (await office.create(receiver.url(), user=BOB)).endpoint.state == UNVERIFIED


async def test_who_answers_the_signed_challenge_is_active(office: Office, receiver: Receiver) -> None:
    created = await office.create(receiver.url())
    request = pb.VerifyWebhookEndpointRequest(request_id=new(), endpoint_id=created.endpoint.endpoint_id)
    verified = (await office.call(request)).endpoint
    assert verified.state == ACTIVE
    assert verified.verify_time.seconds > 0
    (came,) = receiver.came
    assert came.is_signed_by(created.secret)
    assert (came.message["type"], list(came.message["data"])) == ("webhook.verify", ["challenge"])
    assert (await office.call(request)).endpoint == verified
    assert len(receiver.came) == 1


@pytest.mark.parametrize(
    ("said", "details"),
    [
        (OK, {"cause": "CHALLENGE_NOT_ANSWERED", "status_code": "200"}),
        (answer(200, body='{"challenge": "x"}'), {"cause": "CHALLENGE_NOT_ANSWERED", "status_code": "200"}),
        (answer(200, body='{"challenge": 7}'), {"cause": "CHALLENGE_NOT_ANSWERED", "status_code": "200"}),
        (answer(200, body="[" * 9000), {"cause": "CHALLENGE_NOT_ANSWERED", "status_code": "200"}),
        (answer(500), {"cause": "HTTP_500", "status_code": "500"}),
        (answer(302, "location: /"), {"cause": "REDIRECTED", "status_code": "302"}),
    ],
)
async def test_who_does_not_answer_it_gets_no_events(
    office: Office, receiver: Receiver, said: bytes, details: dict[str, str]
) -> None:
    receiver.answers = lambda came: said
    endpoint_id = (await office.create(receiver.url())).endpoint.endpoint_id
    told = await refused(office.verify(endpoint_id))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WEBHOOK_NOT_VERIFIED")
    assert told.metadata == details
    await office.hears(*history(uuid.uuid4()))
    assert (await office.endpoint(endpoint_id)).state == UNVERIFIED
    assert await office.deliveries(endpoint_id) == []


async def test_after_a_rotation_both_secrets_sign_until_the_overlap_is_over(
    office: Office, receiver: Receiver
) -> None:
    created = await office.create(receiver.url())
    endpoint_id = created.endpoint.endpoint_id
    request = pb.RotateWebhookSecretRequest(request_id=new(), endpoint_id=endpoint_id)
    rotated = await office.call(request)
    assert (await office.call(request)).secret == rotated.secret != created.secret
    await office.verify(endpoint_id)
    both = receiver.came[-1]
    assert both.is_signed_by(rotated.secret)
    assert both.is_signed_by(created.secret)
    await office.execute("update webhook_secrets set expire_time = now() where expire_time is not null")
    await office.verify(endpoint_id)
    one = receiver.came[-1]
    assert one.is_signed_by(rotated.secret)
    assert len(one.headers["webhook-signature"].split(" ")) == 1


async def test_after_two_rotations_the_oldest_secret_signs_nothing(
    office: Office, receiver: Receiver
) -> None:
    endpoint_id = (await office.create(receiver.url())).endpoint.endpoint_id
    for _ in range(2):
        await office.call(pb.RotateWebhookSecretRequest(request_id=new(), endpoint_id=endpoint_id))
    await office.verify(endpoint_id)
    assert len(receiver.came[-1].headers["webhook-signature"].split(" ")) == 2


async def test_an_account_is_told_of_its_own_orders_in_all_coordinations(
    office: Office, receiver: Receiver
) -> None:
    endpoint_id = await office.active(receiver.url())
    receiver.came.clear()
    hers = {each: uuid.uuid4() for each in ("SYNC", "CHOREOGRAPHY", "ORCHESTRATION")}
    events = {each: history(order_id, coordination=each) for each, order_id in hers.items()}
    for heard in events.values():
        await office.hears(*heard, *heard)
    await office.hears(*history(uuid.uuid4(), BOB))
    settled = await office.until_settled(endpoint_id)
    assert {each.order_id for each in settled} == {str(order_id) for order_id in hers.values()}
    assert all(each.state == SUCCEEDED and each.attempts == 1 for each in settled)
    for each, order_id in hers.items():
        came = [one for one in receiver.came if one.message["data"]["order_id"] == str(order_id)]
        assert [one.message["type"] for one in came] == ["order.placed", "order.confirmed"]
        assert [one.headers["webhook-id"] for one in came] == [str(one.event_id) for one in events[each]]
        data = came[1].message["data"]
        assert (data["version"], data["state"]) == (2, "CONFIRMED")


async def test_an_endpoint_gets_the_types_it_has_asked_for(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.active(receiver.url(), "order.confirmed")
    await office.hears(*history(uuid.uuid4()))
    (only,) = await office.until_settled(endpoint_id)
    assert (only.event_type, only.version) == ("order.confirmed", 2)


async def test_a_delivery_is_sent_again_under_the_same_id(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.active(receiver.url(), "order.confirmed")
    await office.hears(*history(uuid.uuid4()))
    (settled,) = await office.until_settled(endpoint_id)
    request = pb.RedeliverWebhookRequest(
        request_id=new(), endpoint_id=endpoint_id, delivery_id=settled.delivery_id
    )
    assert (await office.call(request)).delivery.state == PENDING
    await office.until_settled(endpoint_id)
    await office.call(request)  # a repeat: nothing more
    (again,) = await office.until_settled(endpoint_id)
    assert (again.state, again.attempts) == (SUCCEEDED, 1)
    messages = [one for one in receiver.came if one.message["type"] == "order.confirmed"]
    assert [one.headers["webhook-id"] for one in messages] == [settled.event_id] * 2
    assert messages[0].body == messages[1].body


async def test_a_deleted_endpoint_is_unknown_and_gets_nothing(office: Office, receiver: Receiver) -> None:
    endpoint_id = await office.active(receiver.url())
    request = pb.DeleteWebhookEndpointRequest(request_id=new(), endpoint_id=endpoint_id)
    await office.call(request)
    await office.call(request)
    assert (await refused(office.endpoint(endpoint_id))).reason == "ACCESS_DENIED"
    receiver.came.clear()
    await office.hears(*history(uuid.uuid4()))
    await office.sweep()
    assert list((await office.call(pb.ListWebhookEndpointsRequest())).endpoints) == []
    assert receiver.came == []


def about(endpoint_id: str, delivery_id: str) -> list[Any]:
    """Every request that names an endpoint."""
    request_id = new()
    return [
        pb.GetWebhookEndpointRequest(endpoint_id=endpoint_id),
        pb.DeleteWebhookEndpointRequest(request_id=request_id, endpoint_id=endpoint_id),
        pb.VerifyWebhookEndpointRequest(request_id=request_id, endpoint_id=endpoint_id),
        pb.RotateWebhookSecretRequest(request_id=request_id, endpoint_id=endpoint_id),
        pb.ListWebhookDeliveriesRequest(endpoint_id=endpoint_id),
        pb.RedeliverWebhookRequest(request_id=request_id, endpoint_id=endpoint_id, delivery_id=delivery_id),
    ]


async def test_a_foreign_endpoint_looks_as_an_unknown_one_also_to_an_operator(
    office: Office, receiver: Receiver
) -> None:
    endpoint_id = await office.active(receiver.url(), "order.confirmed")
    await office.hears(*history(uuid.uuid4()))
    (delivery,) = await office.until_settled(endpoint_id)
    known, before = about(endpoint_id, delivery.delivery_id), len(receiver.came)
    for mine, unknown in zip(known, about(new(), delivery.delivery_id), strict=True):
        for user, role in ((BOB, "customer"), (OLGA, "operator")):
            foreign = await refused(office.call(mine, user, role))
            assert (foreign.code, foreign.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ACCESS_DENIED")
            missing = await refused(office.call(unknown, user, role))
            assert (missing.code, missing.reason, missing.message) == (
                foreign.code,
                foreign.reason,
                foreign.message,
            )
    assert len(receiver.came) == before
    assert (await office.endpoint(endpoint_id)).state == ACTIVE
    theirs = await office.active(receiver.url(), user=BOB)
    for mixed in (
        pb.RedeliverWebhookRequest(request_id=new(), endpoint_id=theirs, delivery_id=delivery.delivery_id),
    ):
        assert (await refused(office.call(mixed, BOB))).reason == "ACCESS_DENIED"


async def test_pages_follow_each_other_without_gaps_and_their_tokens_are_the_accounts_own(
    office: Office, receiver: Receiver
) -> None:
    endpoints = [(await office.create(receiver.url())).endpoint.endpoint_id for _ in range(3)]
    first = await office.call(pb.ListWebhookEndpointsRequest(page_size=2))
    second = await office.call(pb.ListWebhookEndpointsRequest(page_size=2, page_token=first.next_page_token))
    assert [each.endpoint_id for each in (*first.endpoints, *second.endpoints)] == endpoints
    assert second.next_page_token == ""
    stolen = pb.ListWebhookEndpointsRequest(page_token=first.next_page_token)
    assert (await refused(office.call(stolen, BOB))).reason == "PAGE_TOKEN_INVALID"
    await office.verify(endpoints[0])
    for _ in range(2):
        await office.hears(*history(uuid.uuid4()))
    seen, token = [], ""
    for expected in (3, 1):
        request = pb.ListWebhookDeliveriesRequest(endpoint_id=endpoints[0], page_size=3, page_token=token)
        page = await office.call(request)
        assert len(page.deliveries) == expected
        seen += [each.delivery_id for each in page.deliveries]
        token = page.next_page_token
    assert seen == [each.delivery_id for each in await office.deliveries(endpoints[0])][::-1]
    elsewhere = pb.ListWebhookDeliveriesRequest(endpoint_id=endpoints[1], page_token=first.next_page_token)
    assert (await refused(office.call(elsewhere))).reason == "PAGE_TOKEN_INVALID"


async def test_no_secret_and_no_url_of_a_receiver_is_logged(
    office: Office, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint_id = await office.active(receiver.url("/a-secret-path"), *ALL)
    receiver.answers = lambda came: answer(500)
    await office.hears(*history(uuid.uuid4(), ADA))
    await office.until_settled(endpoint_id)
    logged = capsys.readouterr().out
    assert "HTTP_500" in logged
    assert "a-secret-path" not in logged
    assert "whsec_" not in logged
