"""What every implementation of ordermesh.notifications.v1.WebhooksService does."""

import uuid
from collections.abc import Callable, Iterator

import grpc
import pytest

from ordermesh.notifications.v1 import webhooks_pb2
from ordermesh.notifications.v1 import webhooks_service_pb2 as pb
from tests.harness.customer import Customer
from tests.harness.hooks import SECONDS, Hooks, hooks
from tests.harness.refusals import refused

pytestmark = pytest.mark.suite

ACTIVE = webhooks_pb2.WEBHOOK_ENDPOINT_STATE_ACTIVE


@pytest.fixture
def receiver(channel_to: Callable[[str], grpc.Channel]) -> Iterator[Hooks]:
    with hooks(channel_to("notifications")) as receiver:
        yield receiver


def new() -> str:
    return str(uuid.uuid4())


def test_an_endpoint_is_active_when_it_has_answered_the_challenge(
    receiver: Hooks, customer: Customer
) -> None:
    endpoint_id = receiver.active(customer.metadata, "order.placed")
    request = pb.GetWebhookEndpointRequest(endpoint_id=endpoint_id)
    found = receiver.stub.GetWebhookEndpoint(request, metadata=customer.metadata, timeout=SECONDS).endpoint
    assert (found.state, found.url, list(found.event_types)) == (ACTIVE, receiver.url, ["order.placed"])
    ((_, message),) = receiver.taken
    assert message["type"] == "webhook.verify"


def test_an_endpoint_that_does_not_answer_it_is_not_verified(receiver: Hooks, customer: Customer) -> None:
    receiver.status = 500
    said = refused(lambda: receiver.active(customer.metadata, "order.placed"))
    assert said.short == ("FAILED_PRECONDITION", "WEBHOOK_NOT_VERIFIED")


@pytest.mark.parametrize("url", ["https://10.0.0.1/", "https://user@1.1.1.1/", "ftp://1.1.1.1/", "x"])
def test_a_url_that_nothing_may_be_sent_to_is_refused(receiver: Hooks, customer: Customer, url: str) -> None:
    receiver.url = url
    said = refused(lambda: receiver.create(customer.metadata, "order.placed"))
    assert (*said.short, said.fields) == ("INVALID_ARGUMENT", "WEBHOOK_URL_REJECTED", ("url",))


def test_an_unknown_type_of_event_is_refused(receiver: Hooks, customer: Customer) -> None:
    said = refused(lambda: receiver.create(customer.metadata, "order.paid"))
    assert said.short == ("INVALID_ARGUMENT", "WEBHOOK_EVENT_TYPE_UNKNOWN")


def test_a_foreign_and_an_unknown_endpoint_look_the_same(
    receiver: Hooks, customer: Customer, edge: grpc.Channel
) -> None:
    endpoint_id = str(receiver.create(customer.metadata, "order.placed").endpoint.endpoint_id)
    stranger = Customer.new(edge).metadata
    for found in (endpoint_id, new()):
        for method, request in (
            (receiver.stub.GetWebhookEndpoint, pb.GetWebhookEndpointRequest(endpoint_id=found)),
            (receiver.stub.ListWebhookDeliveries, pb.ListWebhookDeliveriesRequest(endpoint_id=found)),
            (
                receiver.stub.RotateWebhookSecret,
                pb.RotateWebhookSecretRequest(request_id=new(), endpoint_id=found),
            ),
            (
                receiver.stub.DeleteWebhookEndpoint,
                pb.DeleteWebhookEndpointRequest(request_id=new(), endpoint_id=found),
            ),
        ):
            said = refused(lambda: method(request, metadata=stranger, timeout=SECONDS))  # noqa: B023 - called here
            assert said.short == ("PERMISSION_DENIED", "ACCESS_DENIED")


def test_a_rotation_makes_a_new_secret_once_a_request(receiver: Hooks, customer: Customer) -> None:
    created = receiver.create(customer.metadata, "order.placed")
    request = pb.RotateWebhookSecretRequest(request_id=new(), endpoint_id=created.endpoint.endpoint_id)
    rotate = receiver.stub.RotateWebhookSecret
    first, repeat = (rotate(request, metadata=customer.metadata, timeout=SECONDS).secret for _ in range(2))
    assert first == repeat != created.secret
